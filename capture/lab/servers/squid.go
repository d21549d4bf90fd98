package servers

import (
	"path/filepath"

	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// proxyUID is Debian's user "proxy", as which squid insists to run.
const proxyUID = 13

// squidBase is what all configurations begin with.
const squidBase = `
cache_effective_user proxy
pid_filename none
access_log stdio:{dir}/access.log
cache_log {dir}/cache.log
coredump_dir {dir}
cache deny all
shutdown_lifetime 0 seconds
dns_nameservers {resolver.test}
visible_hostname proxy.test
`

// squid is squid with more configuration, up to its http_access lines.
func squid(more string) Server {
	return Server{
		Name: "squid", Args: []string{"-N", "-n", "lab", "-f", "{dir}/squid.conf"},
		Files: map[string]string{"squid.conf": squidBase + more},
		Owner: proxyUID, Host: lab.ProxyHost, Ports: []uint16{3128},
	}
}

// squidAuth is a configuration that wants credentials from everybody.
const squidAuth = `
http_port {proxy.test}:3128
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/passwd
auth_param basic children 1 startup=1
auth_param basic realm lab
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
`

// passwords are the users of squidAuth, in the format of crypt(3): lab with
// the password "secret" if right, else with another one.
func passwords(right bool) string {
	if right {
		return "lab:$apr1$lab$" + secretHash + "\n"
	}
	return "lab:$apr1$lab$" + otherHash + "\n"
}

// What `openssl passwd -apr1 -salt lab` makes of "secret" and of "other".
const (
	secretHash = "SDKktQqp/srHO0sEzIkft."
	otherHash  = "78uhpOZd2BuZTCMq.8Kj30"
)

// withPasswords adds the file of users.
func withPasswords(s Server, right bool) Server {
	s.Files["passwd"] = passwords(right)
	return s
}

// bump is a configuration that opens the TLS of its clients.
const bump = `
http_port {proxy.test}:3128 ssl-bump tls-cert={dir}/signing.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program /usr/lib/squid/security_file_certgen -s {dir}/certs -M 4MB
sslcrtd_children 1 startup=1
tls_outgoing_options cafile={ca}
ssl_bump bump all
http_access allow all
`

// bumping is squid that inspects TLS, with an authority of its own.
func bumping(trusted bool) Server {
	s := squid(bump)
	s.Prepare = func(l *lab.Lab, dir string) error {
		if _, err := l.SigningIdentity(dir, trusted); err != nil {
			return err
		}
		return run("/usr/lib/squid/security_file_certgen", "-c", "-s", filepath.Join(dir, "certs"), "-M", "4MB")
	}
	return s
}

func squidScenarios() []Scenario {
	const open = "\nhttp_port {proxy.test}:3128\n"
	const allow = "http_access allow all\n"
	deny := func(host string) Server {
		return squid(open + "acl denied dstdomain " + host + "\nhttp_access deny denied\n" + allow)
	}
	logged := func(text string) Log { return Log{"squid", "access.log", text} }
	return []Scenario{
		{Fault: lab.Fault{Name: "squid", Setup: behind},
			Servers: []Server{squid(open + allow)}, Log: logged("TCP_TUNNEL/200")},
		{Fault: lab.Fault{Name: "squid-auth", Setup: withCredentials},
			Servers: []Server{withPasswords(squid(squidAuth), true)}, Log: logged("CONNECT goproxy.test:443 lab ")},
		{Fault: lab.Fault{Name: "squid-no-credentials", Rule: "proxy-407", Hop: atProxy, Setup: behind, Says: "Proxy Authentication Required"},
			Servers: []Server{withPasswords(squid(squidAuth), true)}, Log: logged("TCP_DENIED/407")},
		{Fault: lab.Fault{Name: "squid-wrong-password", Rule: "proxy-407", Hop: atProxy, Setup: withCredentials, Says: "Proxy Authentication Required"},
			Servers: []Server{withPasswords(squid(squidAuth), false)}, Log: logged("TCP_DENIED/407")},
		{Fault: lab.Fault{Name: "squid-denies", Rule: "proxy-403", Hop: atProxy, Setup: behind, Says: ": Forbidden"},
			Servers: []Server{deny(lab.GoProxyHost)}, Log: logged("TCP_DENIED/403")},
		{Fault: lab.Fault{Name: "squid-denies-cdn", Rule: "proxy-403", Hop: atProxy, Setup: behind, Says: ".zip\": Forbidden"},
			Servers: []Server{deny(lab.CDNHost)}, Log: logged("TCP_DENIED/403")},
		{Fault: lab.Fault{Name: "squid-denies-port", Rule: "proxy-403", Hop: atProxy, Setup: behind, Says: ": Forbidden"},
			Servers: []Server{squid(open + "acl CONNECT method CONNECT\nacl web port 80\nhttp_access deny CONNECT !web\n" + allow)}, Log: logged("TCP_DENIED/403")},
		{Fault: lab.Fault{Name: "squid-origin-down", Rule: "proxy-5xx", Hop: atProxy, Says: "Service Unavailable",
			Setup: func(s *lab.Setup) { behind(s); s.At(lab.GoProxyHost).Port = lab.Closed }},
			Servers: []Server{squid(open + allow)}, Log: logged("/503")},
		{Fault: lab.Fault{Name: "squid-unknown-origin", Rule: "proxy-5xx", Hop: atProxy, Says: "Internal Server Error",
			Setup: func(s *lab.Setup) { behind(s); s.GOPROXY = "https://nowhere.test" }},
			Servers: []Server{squid(open + allow)}, Log: logged("/500")},
		{Fault: lab.Fault{Name: "squid-bump", Setup: behind},
			Servers: []Server{bumping(true)}, Log: logged("GET https://goproxy.test/")},
		{Fault: lab.Fault{Name: "squid-bump-unknown-ca", Rule: "tls-unknown-ca", Hop: atGoProxy, Setup: behind, Says: "certificate signed by unknown authority"},
			Servers: []Server{bumping(false)}, Log: logged("CONNECT goproxy.test:443")},
	}
}
