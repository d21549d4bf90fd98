package lab

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestClients(t *testing.T) {
	const info = GoProxyHost + "/mod.test/hello/@v/v1.0.0.info"
	for _, tt := range []struct {
		name  string
		setup Setup
		argv  []string
		want  string
		proof string
	}{
		{"curl", Setup{}, []string{"curl", "-sS", "https://" + info}, `"Version":"v1.0.0"`, "goproxy.test: 200"},
		{"curl plain", Setup{}, []string{"curl", "-sS", "http://" + info}, `"Version":"v1.0.0"`, "goproxy.test: 200"},
		{"curl absolute-form", Setup{Via: HTTPProxy, Auth: true}, []string{"sh", "-c", "http_proxy=$HTTP_PROXY exec curl -sS http://" + info}, `"Version":"v1.0.0"`, "proxy.test: 200"},
		{"curl https proxy", Setup{Via: HTTPSProxy, Auth: true}, []string{"curl", "-sS", "--proxy-cacert", "/dev/null", "--proxy-insecure", "https://" + info}, `"Version":"v1.0.0"`, "proxy.test: tunnel"},
		{"curl socks5", Setup{Via: SOCKS5, Auth: true}, []string{"curl", "-sS", "https://" + info}, `"Version":"v1.0.0"`, "proxy.test: tunnel"},
		{"curl ipv6", Setup{Family: IPv6Only}, []string{"curl", "-sS", "https://" + info}, `"Version":"v1.0.0"`, "goproxy.test: 200"},
		{"git", Setup{}, []string{"git", "ls-remote", "https://git.test/lib.git"}, "refs/tags/v1.0.0", "git.test: 200"},
		{"git through the proxy", Setup{Via: HTTPProxy, Auth: true}, []string{"git", "clone", "-q", "https://git.test/lib.git"}, "", "proxy.test: tunnel"},
		{"go list", Setup{}, []string{"go", "list", "-m", "-versions", "mod.test/hello"}, "mod.test/hello v1.0.0 v1.1.0", "goproxy.test: 200"},
		{"go mod download", Setup{}, []string{"go", "mod", "download", "mod.test/large@v1.0.0"}, "", "cdn.test: 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, tt.setup)
			out, err := run(t, l, testLimit, tt.argv...)
			if err != nil || !strings.Contains(out, tt.want) {
				t.Errorf("%v: %v, want %q in\n%s", tt.argv, err, tt.want, out)
			}
			if err := l.Proves([]string{tt.proof}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestClientSeesOnlyTheLab(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "GOPROXY", "SSL_CERT_FILE", "GODEBUG", "SSLKEYLOGFILE", "SUDO_UID"} {
		t.Setenv(name, "foreign")
	}
	l := start(t, Setup{Env: []string{"GODEBUG=netdns=go"}})
	out, err := run(t, l, testLimit, "sh", "-c", "env; cat /etc/resolv.conf /proc/net/dev; cat /proc/self/mountinfo")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(mustRead(t, "/proc/self/mountinfo")) {
		// The mounts that a tracer in the lab needs are the host's own.
		if point := strings.Fields(line)[4]; strings.HasPrefix(point, "/sys") && !strings.Contains(out, " "+point+" ") {
			t.Errorf("%s is not mounted in the lab", point)
		}
	}
	for _, want := range []string{"GOPROXY=https://goproxy.test\n", "GOSUMDB=sum.test+", "GODEBUG=netdns=go\n", "nameserver 10.77.0.53\n", "eth0:"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "foreign") {
		t.Errorf("inherited:\n%s", out)
	}
	if strings.Contains(mustRead(t, "/etc/resolv.conf"), "10.77.0.53") {
		t.Error("the lab's resolv.conf is seen outside")
	}
}

func TestWithoutAnswerTheProofFails(t *testing.T) {
	t.Parallel()
	l := start(t, Setup{})
	err := l.Proves([]string{"proxy.test: 407"})
	if err == nil || !strings.Contains(err.Error(), "did not happen: proxy.test: 407") {
		t.Errorf("Proves = %v for a fault that is not there", err)
	}
}

func TestOwnerOfTheClient(t *testing.T) {
	const nobody = 65534
	tryChown := t.TempDir()
	if err := os.Chown(tryChown, nobody, nobody); errors.Is(err, syscall.EINVAL) {
		t.Skip("this user namespace has no second user")
	}
	l := start(t, Setup{UID: nobody, GID: nobody})
	dir, err := l.Dir()
	if err != nil {
		t.Fatal(err)
	}
	// The client's files can be written by this user, from the root on.
	out, err := run(t, l, testLimit, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", "touch "+dir+"/x $HOME/x $TMPDIR/x && mkdir -p $GOMODCACHE")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNamesOverTCP(t *testing.T) {
	l := start(t, Setup{Family: DualStack})
	for _, tt := range []struct {
		net, server string
		qtype       uint16
		want        string
	}{
		{"udp", "10.77.0.53:53", dns.TypeA, "10.77.0.10"},
		{"tcp", "10.77.0.53:53", dns.TypeAAAA, "fd77::a"},
		{"tcp", "[fd77::35]:53", dns.TypeA, "10.77.0.10"},
		{"udp", "[fd77::35]:53", dns.TypeAAAA, "fd77::a"},
	} {
		query := new(dns.Msg).SetQuestion(GoProxyHost+".", tt.qtype)
		var reply *dns.Msg
		err := l.client.do(func() (err error) {
			c := dns.Client{Net: tt.net, Timeout: 2 * time.Second}
			reply, _, err = c.Exchange(query, tt.server)
			return err
		})
		if err != nil || len(reply.Answer) != 1 || !strings.HasSuffix(reply.Answer[0].String(), "\t"+tt.want) {
			t.Errorf("%+v: %v %v", tt, reply, err)
		}
	}
}

func TestFaultTable(t *testing.T) {
	var names []string
	for _, f := range Faults() {
		// Settings and tables of the client can keep it from the network altogether.
		local := f.Hop == atConfig || f.Hop == atRoute || f.Hop == "host"
		if f.Name == "" || f.About == "" || len(f.Proof) == 0 && !local || slices.Contains(names, f.Name) {
			t.Errorf("incomplete or a duplicate: %+v", f)
		}
		if (f.Rule == "") != (f.Hop == "") {
			t.Errorf("%s: rule %q with hop %q", f.Name, f.Rule, f.Hop)
		}
		if f.Rule != "" && f.Says == "" && f.Patience == 0 && !f.Slow {
			t.Errorf("%s: it ends, but what go says is not known", f.Name)
		}
		if found, ok := FaultNamed(f.Name); !ok || found.About != f.About {
			t.Errorf("FaultNamed(%q) = %v, %v", f.Name, found.Name, ok)
		}
		names = append(names, f.Name)
	}
	if _, ok := FaultNamed("no-such-fault"); ok {
		t.Error("a fault that is not in the table was found")
	}
}
