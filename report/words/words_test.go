package words

import (
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// languages that are complete.
func languages() []string { return []string{English} }

func TestEveryRuleHasWordsAndNoWordsAreWithoutARule(t *testing.T) {
	for _, lang := range languages() {
		var rules, said []string
		for _, r := range diagnose.Rules() {
			rules = append(rules, r.ID)
		}
		for _, s := range Sentences(lang) {
			if slices.Contains(said, s.Rule) {
				t.Errorf("%s: %s is said twice", lang, s.Rule)
			}
			said = append(said, s.Rule)
		}
		for _, id := range rules {
			if !slices.Contains(said, id) {
				t.Errorf("%s: the rule %s has no words", lang, id)
			}
		}
		for _, id := range said {
			if !slices.Contains(rules, id) {
				t.Errorf("%s: the words of %s have no rule", lang, id)
			}
		}
	}
}

func TestWordsUseOnlyWhatTheRuleGives(t *testing.T) {
	for _, lang := range languages() {
		for _, r := range diagnose.Rules() {
			s, _ := Of(r.ID, lang)
			for _, name := range s.Placeholders() {
				if !slices.Contains(r.Args(), name) {
					t.Errorf("%s: %s uses {%s}; the rule gives %v", lang, r.ID, name, r.Args())
				}
			}
		}
	}
}

func TestSentencesAreWhole(t *testing.T) {
	for _, s := range Sentences(English) {
		for name, text := range map[string]string{
			"title": s.Title, "summary": s.Summary, "because": s.Because,
			"meaning": s.Meaning, "proof": s.Proof, "look-alike": s.LookAlike,
		} {
			if text == "" {
				t.Errorf("%s: no %s", s.Rule, name)
			}
		}
		if len(s.Fix) == 0 {
			t.Errorf("%s: no fix", s.Rule)
		}
		if strings.HasSuffix(s.Summary, ".") {
			t.Errorf("%s: the summary ends with a full stop", s.Rule)
		}
	}
}

func TestFill(t *testing.T) {
	f := &trace.Finding{Rule: "tcp-refused", Args: map[string]string{
		"host": "goproxy.test", "port": "443", "address": "10.0.0.1:443", "url": "https://goproxy.test", "via": "", "seconds": "0.0", "from": "",
	}}
	Fill(f, nil, English)
	if want := "goproxy.test refused the connection to port 443 (10.0.0.1:443)"; f.Summary != want {
		t.Errorf("summary %q, want %q", f.Summary, want)
	}
	for _, s := range append([]string{f.Summary, f.Because}, f.Fix...) {
		if strings.ContainsAny(s, "{}") {
			t.Errorf("braces are left: %q", s)
		}
	}
	if len(f.Fix) == 0 {
		t.Error("no fix")
	}
	other := &trace.Finding{Rule: "no-such-rule"}
	Fill(other, nil, English)
	if other.Summary != "no-such-rule" {
		t.Errorf("summary of an unknown rule: %q", other.Summary)
	}
}

func TestVerdict(t *testing.T) {
	one, zero := 1, 0
	for _, c := range []struct {
		name  string
		trace *trace.Trace
		want  string
	}{
		{"explained", &trace.Trace{
			Verdict:  trace.Verdict{Outcome: trace.Failed, Finding: "a", Hop: "h"},
			Findings: []*trace.Finding{{Rule: "a", Hop: "other", Summary: "no"}, {Rule: "a", Hop: "h", Summary: "yes"}},
		}, "yes"},
		{"not explained", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.Failed}, Command: &trace.Command{ExitCode: &one},
			Requests: []*trace.Request{{Status: 200}, {}},
		}, "the command failed (exit 1), and nothing on the wire explains it: 0 lookups, 0 connections, 2 requests (1 answered)"},
		{"ok with a warning", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.OK}, Command: &trace.Command{ExitCode: &zero},
			Findings: []*trace.Finding{{Severity: trace.Warning}},
		}, "the command succeeded: the network was not used, with 1 warning"},
		{"ok but slow", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.OK, Finding: "a", Hop: "h"}, Command: &trace.Command{ExitCode: &zero},
			Findings: []*trace.Finding{{Rule: "a", Hop: "h", Severity: trace.Warning, Summary: "9 s went by"}},
		}, "the command succeeded, but time was lost: 9 s went by"},
		{"interrupted", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.Interrupted}, Command: &trace.Command{Signal: "SIGINT", Interrupted: true},
		}, "the command was interrupted (SIGINT), and nothing shows that it waited for the network: the network was not used"},
		{"the time limit, while waiting", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.Hung, Finding: "a", Hop: "h"}, Command: &trace.Command{TimedOut: true},
			Findings: []*trace.Finding{{Rule: "a", Hop: "h", Summary: "silence"}},
		}, "silence; --timeout ended the command"},
		{"the time limit", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.Interrupted}, Command: &trace.Command{Signal: "SIGTERM", TimedOut: true},
		}, "--timeout ended the command, and nothing shows that it waited for the network: the network was not used"},
		{"prefix probes", &trace.Trace{
			Verdict: trace.Verdict{Outcome: trace.OK}, Command: &trace.Command{ExitCode: &zero},
			Requests: []*trace.Request{{ID: 1, Status: 200}, {ID: 2, Status: 404}, {ID: 3, Status: 403}, {ID: 4, Status: 404}},
			Fetches: []*trace.Fetch{
				{Module: "a.test/b/c", Outcome: trace.OK, Attempts: []trace.Attempt{{Requests: []int{1}}}},
				{Module: "a.test/b", Outcome: "not-found", Attempts: []trace.Attempt{{Requests: []int{2}}}},
				{Module: "a.test", Outcome: "not-found", Attempts: []trace.Attempt{{Requests: []int{3}}}},
				{Module: "x.test", Outcome: "not-found", Attempts: []trace.Attempt{{Requests: []int{4}}}},
			},
		}, "the command succeeded: 0 lookups, 0 connections, 4 requests (4 answered); 2 probes of a path prefix were answered 403 or 404, which is normal"},
		{"a file without anything", &trace.Trace{Verdict: trace.Verdict{Outcome: trace.Unknown}},
			"nothing conclusive: the capture holds no connection and no lookup"},
	} {
		Verdict(c.trace, English)
		if got := c.trace.Verdict.Summary; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A command that is to be typed has to have the effect that it is for.
func TestFillSetsWhatIsInForce(t *testing.T) {
	goenv := func(name, value, origin string) *trace.Environment {
		return &trace.Environment{GoEnv: map[string]trace.Setting{name: {Value: value, Origin: origin}}}
	}
	const stored, exported = "go env -w GOPROXY='https://OTHER-MODULE-PROXY,direct'", "export GOPROXY='https://OTHER-MODULE-PROXY,direct'"
	for _, c := range []struct {
		name string
		env  *trace.Environment
		want string
	}{
		{"not known", nil, stored},
		{"a default", goenv("GOPROXY", "x", "default"), stored},
		{"in the environment", goenv("GOPROXY", "x", "environment"), exported},
		{"another one in the environment", goenv("GOSUMDB", "x", "environment"), stored},
		{"GOENV=off", goenv("GOENV", "off", "environment"), exported},
	} {
		f := &trace.Finding{Rule: "tcp-refused"}
		Fill(f, c.env, English)
		if !slices.Contains(f.Fix, c.want) {
			t.Errorf("%s: %q, want among them %q", c.name, f.Fix, c.want)
		}
	}
}

// A command that takes a setting away, or adds to one, has to have that effect.
func TestFillMindsWhatIsSet(t *testing.T) {
	set := func(name, value, origin string) *trace.Environment {
		return &trace.Environment{GoEnv: map[string]trace.Setting{name: {Value: value, Origin: origin}}}
	}
	for _, c := range []struct {
		rule string
		env  *trace.Environment
		want string
	}{
		{"sumdb-bad-key", nil, "go env -u GOSUMDB   # the default again"},
		{"sumdb-bad-key", set("GOSUMDB", "x", "go env -w"), "go env -u GOSUMDB   # the default again"},
		{"sumdb-bad-key", set("GOSUMDB", "x", "environment"), "unset GOSUMDB   # the default again"},
		{"private-via-public-proxy", set("GOPRIVATE", "", "default"), "go env -w GOPRIVATE=git.test"},
		{"private-via-public-proxy", set("GOPRIVATE", "*.corp.test", "go env -w"), "go env -w GOPRIVATE='*.corp.test,git.test'"},
		{"private-via-public-proxy", set("GOPRIVATE", "a.test", "environment"), "export GOPRIVATE='a.test,git.test'"},
		{"private-via-public-proxy", set("GOPRIVATE", "';reboot;'", "environment"), "export GOPRIVATE=git.test"},
	} {
		f := &trace.Finding{Rule: c.rule, Args: map[string]string{"host": "git.test", "module": "git.test/lib"}}
		Fill(f, c.env, English)
		if f.Fix[0] != c.want {
			t.Errorf("%s: %q, want %q", c.rule, f.Fix[0], c.want)
		}
	}
}

// A fix about a module or an entry is left out where there is none.
func TestFillLeavesOutWhatIsNotKnown(t *testing.T) {
	r := func(entry string) []string {
		f := &trace.Finding{Rule: "http-server-error", Args: map[string]string{"url": "https://a.test/x", "entry": entry}}
		Fill(f, nil, English)
		return f.Fix
	}
	if got := r(""); len(got) != 1 || got[0] != "curl -sv https://a.test/x" {
		t.Errorf("without an entry: %q", got)
	}
	if got := r("https://***@a.test"); len(got) != 2 || !strings.Contains(got[1], "'https://USER:PASSWORD@a.test|") {
		t.Errorf("with an entry: %q", got)
	}
}

func TestAdditionsAreRules(t *testing.T) {
	for _, a := range Additions(English) {
		if _, ok := Of(a.Rule, English); !ok || a.Why == "" {
			t.Errorf("%q: no such rule, or no reason", a.Rule)
		}
	}
}
