package words

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// hostile are arguments as an enemy on the network would choose them.
func hostile() []string {
	return []string{";PWNED", "$(PWNED)", "`PWNED`", "'PWNED'", "';PWNED;'", `";PWNED;"`, "\nPWNED", "a b", "|PWNED", "&PWNED", "\\';PWNED", "#x\nPWNED", "x>PWNED", "-PWNED"}
}

// Whatever an argument holds, no fix of any rule runs it.
func TestArgumentsStayArguments(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell:", err)
	}
	// Nothing but the function is found, so that no command of a fix runs.
	tried := map[string]bool{}
	script := "PATH=/nonexistent; PWNED() { /bin/echo PWNED-RAN; }\n"
	for _, r := range diagnose.Rules() {
		s, _ := Of(r.ID, English)
		fresh := slices.ContainsFunc(s.Fix, func(fix string) bool { return !tried[fix] })
		for _, evil := range hostile() {
			if !fresh {
				break
			}
			f := &trace.Finding{Rule: r.ID, Args: map[string]string{}}
			for _, name := range r.Args() {
				f.Args[name] = evil
			}
			Fill(f, nil, English)
			if len(f.Fix) != len(s.Fix) {
				t.Fatalf("%s: %d fixes of %d", r.ID, len(f.Fix), len(s.Fix))
			}
			for i, fix := range f.Fix {
				if !isCommand(s.Fix[i]) || tried[s.Fix[i]] || !strings.Contains(s.Fix[i], "{") {
					continue
				}
				cmd := exec.Command(sh, "-c", script+fix)
				cmd.Dir = t.TempDir()
				out, _ := cmd.CombinedOutput() // the commands themselves are not found
				if strings.Contains(string(out), "PWNED-RAN") || strings.Contains(string(out), "nterminated") {
					t.Fatalf("%s: with %q the fix %q runs it: %s", r.ID, evil, fix, out)
				}
			}
		}
		for _, fix := range s.Fix {
			tried[fix] = true
		}
	}
}

// isCommand reports whether a fix is for a shell, not for a human.
func isCommand(fix string) bool {
	first, _, _ := strings.Cut(fix, " ")
	return slices.Contains([]string{"curl", "go", "openssl", "dig", "git", "ip", "echo", "export", "ping", "traceroute"}, first)
}

func TestArgumentsInQuotes(t *testing.T) {
	for _, c := range []struct{ template, value, want string }{
		{"curl {x}", "https://a.test/b", "curl https://a.test/b"},
		{"curl {x}", "https://a.test/;id", "curl 'https://a.test/;id'"},
		{"curl {x}", "it's", `curl 'it'\''s'`},
		{"curl {x}", "-o/etc/passwd", "curl './-o/etc/passwd'"},
		{"echo '{x}' >> f", "it's", `echo 'it'\''s' >> f`},
		{`echo "{x}"`, `$(id)"`, `echo "\$(id)\""`},
		{"date   # is {x} right?", "a;b\nid", "date   # is a;b?id right?"},
		{"can't {x}", "a;b", "can't 'a;b'"},
		{"curl -x {x}", "http://***@p.test:1", "curl -x http://USER:PASSWORD@p.test:1"},
		{"openssl s_client{connect} -q", "p.test:1", "openssl s_client -proxy p.test:1 -q"},
		{"openssl s_client{connect} -q", "p;id", "openssl s_client -proxy 'p;id' -q"},
		{"openssl s_client{connect} -q", "", "openssl s_client -q"},
	} {
		if got := typed(c.template, map[string]string{"x": c.value, "connect": c.value}, English); got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.template, c.value, got, c.want)
		}
	}
}
