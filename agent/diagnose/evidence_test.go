package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestLookupEvidence(t *testing.T) {
	many := make([]trace.Answer, maxEvidence+2)
	for i := range many {
		many[i].Data = "192.0.2.1"
	}
	for want, l := range map[string]*trace.Lookup{
		"A a.test asked of S: NXDOMAIN":                                   {RCode: "NXDOMAIN"},
		"A a.test asked of S: NOERROR, no records":                        {RCode: "NOERROR"},
		"A a.test asked of S: NOERROR, 192.0.2.1":                         {RCode: "NOERROR", Answers: many[:1]},
		"A a.test asked of S: port unreachable":                           {Error: "port unreachable"},
		"A a.test asked of S, 2 times: no answer":                         {Attempts: 2},
		"A a.test asked of S: NOERROR, " + data(many[2:]) + " and 2 more": {RCode: "NOERROR", Answers: many},
	} {
		l.Type, l.Name, l.Server = "A", "a.test", "S"
		if got := lookupEvidence(l).Text; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAheadOrBehind(t *testing.T) {
	for want, skew := range map[string]time.Duration{
		"25 h behind":         25 * time.Hour,
		"1 h 30 min ahead of": -90 * time.Minute,
		"5 min behind":        5*time.Minute + 9*time.Second,
		"400 days ahead of":   -400 * 24 * time.Hour,
	} {
		if got := aheadOrBehind(skew); got != want {
			t.Errorf("%v: %q, want %q", skew, got, want)
		}
	}
}

func TestReadableNoProxy(t *testing.T) {
	for value, want := range map[string]string{
		"localhost a.test": "localhost,a.test",
		".a.test":          ".a.test,a.test",
		"b.test;*.a.test":  "b.test,*.a.test,a.test",
	} {
		if got := readable(value, "a.test"); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
