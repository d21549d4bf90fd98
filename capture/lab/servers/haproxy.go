package servers

import "github.com/gopx-trace/gopx-trace/capture/lab"

// haproxyBase is what all configurations begin with.
const haproxyBase = `
global
    log stdout format raw local0
    maxconn 100
defaults
    log global
    timeout connect 2s
    timeout client 60s
    timeout server 2s
`

// haproxy is haproxy in the place of goproxy.test, before mirror.test.
func haproxy(more string) Server {
	return Server{
		Name: "haproxy", Args: []string{"-db", "-f", "{dir}/haproxy.cfg"},
		Files: map[string]string{"haproxy.cfg": haproxyBase + more},
		Host:  lab.GoProxyHost, Ports: []uint16{443},
		Prepare: func(l *lab.Lab, dir string) error {
			_, err := l.Identity(dir, lab.GoProxyHost, lab.Valid)
			return err
		},
	}
}

// web is a haproxy that ends TLS; lines go into its frontend.
func web(lines, backend string) Server {
	return haproxy(`
frontend modules
    mode http
    bind {goproxy.test}:443 ssl crt {dir}/goproxy.test.pem alpn h2,http/1.1
` + lines + `
    default_backend modules
backend modules
    mode http
` + backend)
}

// replaced is a module proxy that is not the lab's own.
func replaced(s *lab.Setup) { s.At(lab.GoProxyHost).Port = lab.Closed }

func haproxyScenarios() []Scenario {
	const origin = "    server mirror {mirror.test}:443 ssl verify none sni str(mirror.test)\n"
	used := []string{lab.MirrorHost + ": request"}
	return []Scenario{
		{Fault: lab.Fault{Name: "haproxy", Setup: replaced, Proof: used},
			Servers: []Server{web("", origin)}},
		{Fault: lab.Fault{Name: "haproxy-backend-down", Rule: "http-server-error", Hop: atGoProxy, Setup: replaced, Says: "503 Service Unavailable"},
			Servers: []Server{web("", "    server dead {goproxy.test}:9\n")}},
		{Fault: lab.Fault{Name: "haproxy-backend-silent", Rule: "http-server-error", Hop: atGoProxy, Says: "504 Gateway Time",
			Setup: func(s *lab.Setup) { replaced(s); s.At(lab.MirrorHost).Answer = lab.Silence() }, Proof: []string{lab.MirrorHost + ": unanswered"}},
			Servers: []Server{web("", origin)}},
		{Fault: lab.Fault{Name: "haproxy-rate-limit", Rule: "http-rate-limited", Hop: atGoProxy, Setup: replaced, Says: "429 Too Many Requests"},
			Servers: []Server{web("    http-request deny deny_status 429\n", origin)}},
		{Fault: lab.Fault{Name: "haproxy-deny", Rule: "http-forbidden", Hop: atGoProxy, Setup: replaced, Says: "403 Forbidden"},
			Servers: []Server{web("    http-request deny if { path_end .info }\n", origin)}},
		// the kernel resets the connection, with a hop limit that suffices on one cable
		{Fault: lab.Fault{Name: "haproxy-silent-drop", Rule: "http-fresh-conn-closed", Hop: atGoProxy, Setup: replaced},
			Servers: []Server{web("    http-request silent-drop\n", origin)}},
		{Fault: lab.Fault{Name: "haproxy-sni-reject", Rule: "tls-fin-after-hello", Hop: atGoProxy, Setup: replaced},
			Servers: []Server{haproxy(`
frontend passthrough
    mode tcp
    bind {goproxy.test}:443
    tcp-request inspect-delay 5s
    tcp-request content reject if { req.ssl_sni -i goproxy.test }
    default_backend modules
backend modules
    mode tcp
    server mirror {mirror.test}:443
`)}},
	}
}
