package servers

import (
	"os"
	"os/exec"
	"path/filepath"

	"fmt"

	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// mitmproxy is mitmdump as the lab's HTTP proxy, with an authority of its own.
func mitmproxy(trusted bool) Server {
	return Server{
		Name: "mitmdump",
		Args: []string{"--listen-host", "{proxy.test}", "--listen-port", "3128", "--set", "confdir={dir}",
			"--set", "ssl_verify_upstream_trusted_ca={ca}"},
		Host: lab.ProxyHost, Ports: []uint16{3128},
		Prepare: func(l *lab.Lab, dir string) error {
			path, err := l.SigningIdentity(dir, trusted)
			if err != nil {
				return err
			}
			return os.Rename(path, filepath.Join(dir, "mitmproxy-ca.pem"))
		},
	}
}

// gitWithNginx is git http-backend behind nginx as git.test.
func gitWithNginx(more string) []Server {
	const socket = "{root}/fcgiwrap/socket"
	n := nginx(lab.Valid, `    }
    server {
        listen {git.test}:443 ssl http2;
        ssl_certificate {dir}/git.test.pem;
        ssl_certificate_key {dir}/git.test.pem;
        if ($arg_go-get = 1) { rewrite ^ /discovery last; }
        location = /discovery {
            default_type text/html;
            return 200 '<meta name="go-import" content="git.test/lib git https://git.test/lib.git">';
        }
        location /lib.git/ {
`+more+`
            fastcgi_pass unix:`+socket+`;
            fastcgi_param SCRIPT_FILENAME {dir}/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT {root}/git;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param HOME {dir};
            fastcgi_param PATH_INFO $uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
            fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
        }
`)
	prepare := n.Prepare
	n.Host = lab.GitHost
	n.Prepare = func(l *lab.Lab, dir string) error {
		if err := prepare(l, dir); err != nil {
			return err
		}
		out, err := exec.Command("git", "--exec-path").Output()
		if err != nil {
			return err
		}
		backend := filepath.Join(string(out[:len(out)-1]), "git-http-backend")
		if err := os.Symlink(backend, filepath.Join(dir, "git-http-backend")); err != nil {
			return err
		}
		_, err = l.Identity(dir, lab.GitHost, lab.Valid)
		return err
	}
	wrap := Server{Name: "fcgiwrap", Args: []string{"-f", "-s", "unix:" + socket}}
	return []Server{wrap, n}
}

// sshd is an OpenSSH server on the port of goproxy.test.
func sshd() Server {
	return Server{
		Name: "sshd", Args: []string{"-D", "-e", "-f", "{dir}/sshd_config"},
		Files: map[string]string{"sshd_config": "Port 443\nListenAddress {goproxy.test}\nHostKey {dir}/key\nPidFile none\n"},
		Host:  lab.GoProxyHost, Ports: []uint16{443},
		Prepare: func(_ *lab.Lab, dir string) error {
			// where Debian's sshd keeps the processes that talk to strangers
			if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
				return err
			}
			return run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "key"))
		},
	}
}

// run runs a program that prepares another one.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func interceptScenarios() []Scenario {
	direct := func(s *lab.Setup) {
		s.GOPROXY = "direct"
		s.At(lab.GitHost).Port = lab.Closed
		s.At(lab.GoProxyHost).Port = lab.Closed
	}
	get := []string{"go", "get", lab.GitModule}
	return []Scenario{
		{Fault: lab.Fault{Name: "mitmproxy", Setup: behind, Proof: []string{lab.GoProxyHost + ": 302"}}, Servers: []Server{mitmproxy(true)}},
		{Fault: lab.Fault{Name: "mitmproxy-unknown-ca", Rule: "tls-unknown-ca", Hop: atGoProxy, Setup: behind, Says: "certificate signed by unknown authority"},
			Servers: []Server{mitmproxy(false)}},
		{Fault: lab.Fault{Name: "git-http-backend", Setup: direct, Command: get}, Servers: gitWithNginx(""), Log: Log{"nginx", "access.log", "git-upload-pack HTTP"}},
		{Fault: lab.Fault{Name: "git-http-backend-auth", Rule: "git-auth-prompt", Hop: atGit, Setup: direct, Command: get, Says: "terminal prompts disabled"},
			Servers: gitWithNginx("auth_basic lab; auth_basic_user_file {dir}/passwd;"), Log: Log{"nginx", "access.log", " 401 "}},
		{Fault: lab.Fault{Name: "sshd-on-443", Rule: "non-tls-service", Hop: atGoProxy, Setup: replaced, Says: "first record does not look like a TLS handshake"},
			Servers: []Server{sshd()}},
	}
}
