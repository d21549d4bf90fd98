package servers

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// nginxBase surrounds the servers of all configurations.
const nginxBase = `
daemon off;
master_process off;
user root;
worker_processes 1;
pid {dir}/pid;
error_log {dir}/error.log info;
events { worker_connections 100; }
http {
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type application/octet-stream;
    server {
        listen {goproxy.test}:443 ssl{h2};
        ssl_certificate {dir}/goproxy.test.pem;
        ssl_certificate_key {dir}/goproxy.test.pem;
`

// relayedZips has nginx take zips from the CDN.
const relayedZips = `
        location ~ \.zip$ {
            proxy_pass https://{cdn.test};
            proxy_ssl_name cdn.test;
            proxy_set_header Host cdn.test;
            proxy_http_version 1.1;
        }
`

// nginx is nginx as goproxy.test, with the lab's modules as files; more is in
// its server block.
func nginx(cert lab.Certificate, more string) Server {
	return Server{
		Name: "nginx", Args: []string{"-e", "{dir}/error.log", "-p", "{dir}", "-c", "{dir}/nginx.conf"},
		Files: map[string]string{"nginx.conf": strings.Replace(nginxBase, "{h2}", " http2", 1) + more + "    }\n}\n", "passwd": passwords(true)},
		Host:  lab.GoProxyHost, Ports: []uint16{443},
		Prepare: func(l *lab.Lab, dir string) error {
			if err := l.WriteModules(filepath.Join(dir, "modules")); err != nil {
				return err
			}
			_, err := l.Identity(dir, lab.GoProxyHost, cert)
			return err
		},
	}
}

// nginx1 is nginx without HTTP/2.
func nginx1(more string) Server {
	s := nginx(lab.Valid, more)
	s.Files["nginx.conf"] = strings.Replace(s.Files["nginx.conf"], " http2", "", 1)
	return s
}

func nginxScenarios() []Scenario {
	const tree = "root {dir}/modules;\n"
	logged := func(text string) Log { return Log{"nginx", "access.log", text} }
	// The static tree has no checksum database to relay.
	static := func(s *lab.Setup) { replaced(s); s.GOSUMDBWithURL = true }
	failing := func(name, rule, says, config string) Scenario {
		return Scenario{Fault: lab.Fault{Name: name, Rule: rule, Hop: atGoProxy, Says: says, Setup: static},
			Servers: []Server{nginx(lab.Valid, config)}, Log: logged("GET /mod.test/hello/")}
	}
	presenting := func(name, rule string, c lab.Certificate) Scenario {
		return Scenario{Fault: lab.Fault{Name: name, Rule: rule, Hop: atGoProxy, Setup: static, Says: "certificate"},
			Servers: []Server{nginx(c, tree)}, Log: Log{"nginx", "error.log", "SSL_do_handshake() failed"}}
	}
	truncating := func(s *lab.Setup) {
		static(s)
		s.At(lab.CDNHost).Answer, s.At(lab.CDNHost).HTTP1 = lab.Truncate(), true
	}
	cut := Log{"nginx", "error.log", "prematurely closed connection"}
	return []Scenario{
		{Fault: lab.Fault{Name: "nginx", Setup: static}, Servers: []Server{nginx(lab.Valid, tree)}, Log: logged(".zip HTTP/2.0\" 200")},
		{Fault: lab.Fault{Name: "nginx-404-then-mirror", Proof: []string{lab.MirrorHost + ": 200"},
			Setup: func(s *lab.Setup) {
				static(s)
				s.GOPROXY = "https://" + lab.GoProxyHost + ",https://" + lab.MirrorHost
			}}, Servers: []Server{nginx(lab.Valid, "return 404;\n")}, Log: logged(" 404 ")},
		failing("nginx-empty-tree", "http-not-found", "404 Not Found", "root {dir}/nothing;\n"),
		failing("nginx-forbidden", "http-forbidden", "403 Forbidden", tree+"deny all;\n"),
		failing("nginx-auth", "http-unauthorized", "401 Unauthorized", tree+"auth_basic lab; auth_basic_user_file {dir}/passwd;\n"),
		failing("nginx-gone-backend", "http-server-error", "502 Bad Gateway", "location / { proxy_pass https://{goproxy.test}:9; }\n"),
		failing("nginx-html", "html-200", "invalid character '<'", "default_type text/html; location / { return 200 '<!DOCTYPE html><title>intranet</title>'; }\n"),
		failing("nginx-rate-limit", "http-rate-limited", "429 Too Many Requests", "location / { return 429; }\n"),
		failing("nginx-redirect-loop", "redirect-loop", "stopped after 10 redirects", "location / { return 302 https://goproxy.test$request_uri; }\n"),
		{Fault: lab.Fault{Name: "nginx-hangup", Rule: "h2-goaway-loop", Hop: atGoProxy, Setup: static, Patience: 3 * time.Second},
			Servers: []Server{nginx(lab.Valid, "return 444;\n")}, Log: logged(" 444 ")},
		presenting("nginx-expired", "tls-expired", lab.Expired),
		presenting("nginx-wrong-name", "tls-hostname", lab.WrongName),
		presenting("nginx-leaf-only", "tls-missing-intermediate", lab.LeafOnly),
		presenting("nginx-self-signed", "tls-self-signed", lab.SelfSigned),
		{Fault: lab.Fault{Name: "nginx-truncates", Rule: "h2-stream-error", Hop: atGoProxy, Setup: truncating, Proof: []string{lab.CDNHost + ": 200"}},
			Servers: []Server{nginx(lab.Valid, tree+relayedZips)}, Log: cut},
		{Fault: lab.Fault{Name: "nginx-truncates-http1", Rule: "body-truncated", Hop: atGoProxy, Says: "EOF", Setup: truncating, Proof: []string{lab.CDNHost + ": 200"}},
			Servers: []Server{nginx1(tree + relayedZips)}, Log: cut},
	}
}
