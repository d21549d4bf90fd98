package servers

import "github.com/gopx-trace/gopx-trace/capture/lab"

// danted is Dante's SOCKS server as the lab's proxy, with the given rules.
func danted(method, rules string) Server {
	return Server{
		Name: "danted", Args: []string{"-f", "{dir}/danted.conf", "-p", "{dir}/pid"},
		Files: map[string]string{"danted.conf": `
logoutput: {dir}/log
internal: {proxy.test} port = 1080
external: {proxy.test}
clientmethod: none
socksmethod: ` + method + `
user.privileged: root
user.unprivileged: root
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect error }
` + rules},
		Host: lab.ProxyHost, Ports: []uint16{1080},
	}
}

func dantedScenarios() []Scenario {
	socks := func(s *lab.Setup) {
		s.Via = lab.SOCKS5
		s.At(lab.ProxyHost).Port = lab.Closed
	}
	const pass = "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect error }\n"
	logged := func(text string) Log { return Log{"danted", "log", text} }
	return []Scenario{
		{Fault: lab.Fault{Name: "danted", Setup: socks}, Servers: []Server{danted("none", pass)}, Log: logged("pass(1): tcp/connect")},
		{Fault: lab.Fault{Name: "danted-blocks", Rule: "socks-refused", Hop: atProxy, Setup: socks, Says: "socks connect tcp"},
			Servers: []Server{danted("none", "socks block { from: 0.0.0.0/0 to: {goproxy.test}/32 log: connect error }\n"+pass)}, Log: logged("block(1): tcp/connect")},
		{Fault: lab.Fault{Name: "danted-origin-down", Rule: "socks-refused", Hop: atProxy, Says: "socks connect tcp",
			Setup: func(s *lab.Setup) { socks(s); s.At(lab.GoProxyHost).Port = lab.Closed }},
			Servers: []Server{danted("none", pass)}, Log: logged("Connection refused")},
	}
}
