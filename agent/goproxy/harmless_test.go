package goproxy

import (
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestHarmless(t *testing.T) {
	s := begin("https://a.test,https://b.test")
	s.get(base+hello+".info", 404)                    // 1: found at the next entry
	s.get("https://b.test"+hello+".info", 200)        // 2
	s.get(base+"/mod.test/@v/v1.0.0.info", 403)       // 3: a prefix
	s.get(base+"/mod.test/hello/@v/v1.0.0.zip", 500)  // 4: nothing makes up for it
	s.get(base+"/mod.test/other/@v/v9.0.0.info", 404) // 5: no such version
	s.get("https://x.test/plain", 503)                // 6: repeated
	s.get("https://x.test/plain", 200)                // 7
	s.get("https://x.test/alone", 503)                // 8
	s.get(base+"/deep.test/x/@v/v1.0.0.info", 404)    // 9: the longer one says more
	s.get(base+"/deep.test/x/y/@v/v1.0.0.info", 404)  // 10
	s.get(base+"/priv.test/x/@v/v1.0.0.info", 403)    // 11: says more than the longer one's 404
	s.get("https://a.test/priv.test/x/y/@v/v1.0.0.info", 404)
	s.get("https://b.test/priv.test/x/y/@v/v1.0.0.info", 404)
	Explain(s.t)
	v := NewView(s.t)
	for id, want := range map[int]bool{1: true, 3: true, 4: false, 5: false, 6: true, 8: false, 9: true, 10: false, 11: false} {
		if got := v.Harmless(v.Request(id)); got != want {
			t.Errorf("request %d (%s): harmless %v, want %v", id, v.Request(id).URL, got, want)
		}
	}
}

// The command line tells which module was wanted; one that is in the module
// cache is not asked for, its prefixes are.
func TestProbeWithTheModuleInTheCache(t *testing.T) {
	const prefix = "/mod.test/@v/v1.0.0.info"
	for _, c := range []struct {
		name    string
		argv    []string
		cut     bool
		longer  int // the status for the module itself; 0 if it was not asked for
		status  int
		want    bool
		outcome string
	}{
		{"in the cache", []string{"go", "get", "mod.test/hello@v1.0.0"}, false, 0, 404, true, NotFound},
		{"in the cache, refused", []string{"go", "get", "mod.test/hello@v1.0.0"}, false, 0, 403, true, NotFound},
		{"in the cache, a package of it", []string{"go", "build", "mod.test/hello/..."}, false, 0, 404, true, NotFound},
		{"asked for itself", []string{"go", "get", "mod.test@v1.0.0", "mod.test/hello@v1.0.0"}, false, 0, 404, false, NotFound},
		{"another module", []string{"go", "get", "other.test/hello@v1.0.0"}, false, 0, 404, false, NotFound},
		{"not in the cache", []string{"go", "get", "mod.test/hello@v1.0.0"}, false, 404, 403, false, trace.Failed},
		{"in the cache, the prefix perhaps wanted too", []string{"go", "get", "mod.test/hello@v1.0.0"}, true, 0, 404, false, NotFound},
	} {
		s := begin("https://a.test")
		s.t.Processes = []*trace.Process{{PID: 7, Exe: "/usr/local/go/bin/go", Argv: c.argv, ArgvCut: c.cut}}
		r := s.get(base+prefix, c.status)
		if c.longer != 0 {
			s.get("https://a.test"+hello+".info", c.longer)
		}
		Explain(s.t)
		v := NewView(s.t)
		f, _ := v.FetchOf(r)
		if got := v.Harmless(r); got != c.want || f.Outcome != c.outcome {
			t.Errorf("%s: harmless %v, outcome %s; want %v, %s", c.name, got, f.Outcome, c.want, c.outcome)
		}
	}
}
