package servers

import "github.com/gopx-trace/gopx-trace/capture/lab"

// tinyproxyBase is what all configurations begin with.
const tinyproxyBase = `
Port 3128
Listen {proxy.test}
Timeout 60
LogFile "{dir}/log"
LogLevel Info
MaxClients 20
`

// tinyproxy is tinyproxy with more configuration.
func tinyproxy(more string) Server {
	return Server{
		Name: "tinyproxy", Args: []string{"-d", "-c", "{dir}/tinyproxy.conf"},
		Files: map[string]string{"tinyproxy.conf": tinyproxyBase + more, "filter": "cdn\\.test\n"},
		Host:  lab.ProxyHost, Ports: []uint16{3128},
	}
}

func tinyproxyScenarios() []Scenario {
	logged := func(text string) Log { return Log{"tinyproxy", "log", text} }
	return []Scenario{
		{Fault: lab.Fault{Name: "tinyproxy", Setup: behind},
			Servers: []Server{tinyproxy("")}, Log: logged("Established connection to host \"goproxy.test\"")},
		{Fault: lab.Fault{Name: "tinyproxy-no-credentials", Rule: "proxy-407", Hop: atProxy, Setup: behind, Says: "Proxy Authentication Required"},
			Servers: []Server{tinyproxy("BasicAuth lab secret\n")}, Log: logged("CONNECT goproxy.test:443")},
		{Fault: lab.Fault{Name: "tinyproxy-auth", Setup: withCredentials},
			Servers: []Server{tinyproxy("BasicAuth lab secret\n")}, Log: logged("Established connection to host \"goproxy.test\"")},
		{Fault: lab.Fault{Name: "tinyproxy-filter", Rule: "proxy-403", Hop: atProxy, Setup: behind},
			Servers: []Server{tinyproxy("Filter \"{dir}/filter\"\n")}, Log: logged("filtered")},
		{Fault: lab.Fault{Name: "tinyproxy-connect-port", Rule: "proxy-403", Hop: atProxy, Setup: behind},
			Servers: []Server{tinyproxy("ConnectPort 563\n")}, Log: logged("CONNECT goproxy.test:443")},
		{Fault: lab.Fault{Name: "tinyproxy-allow", Rule: "proxy-403", Hop: atProxy, Setup: behind},
			Servers: []Server{tinyproxy("Allow 10.99.0.0/16\n")}, Log: logged("Unauthorized connection")},
		{Fault: lab.Fault{Name: "tinyproxy-origin-down", Rule: "proxy-5xx", Hop: atProxy,
			Setup: func(s *lab.Setup) { behind(s); s.At(lab.GoProxyHost).Port = lab.Closed }},
			Servers: []Server{tinyproxy("")}, Log: logged("CONNECT goproxy.test:443")},
	}
}
