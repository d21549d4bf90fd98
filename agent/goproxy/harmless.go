package goproxy

import (
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// candidates are the modules that something was served of. A query tries the
// module path and each prefix of it at once, and one hit is enough
// ($GOROOT/src/cmd/go/internal/modload/query.go, queryPrefixModules).
type candidates struct {
	served map[candidate]bool
	// prefixes holds every proper prefix of a served module, with that module.
	prefixes map[candidate]string
	// longer and broken hold the proper prefixes of modules that were asked for,
	// and of those that failed otherwise than by 404 or 410, with the module.
	longer, broken map[candidate]string
	// wanted holds the module paths of go's command lines, and above the proper
	// prefixes of those, with the path.
	wanted map[string]bool
	above  map[string]string
	// cut says that wanted may lack some.
	cut bool
}

// candidate is a module path that a kind of query was made for.
type candidate struct{ module, kind string }

// Kinds of queries; one for a version has the version as its kind.
const (
	anyVersion = "" // list and latest
	discovery  = "?go-get=1"
)

// queryKind returns the kind of query that a fetch is, and whether it is one:
// .mod and .zip are asked for only after the query was settled.
func queryKind(f *trace.Fetch) (string, bool) {
	switch f.Purpose {
	case trace.PurposeList, trace.PurposeLatest:
		return anyVersion, true
	case trace.PurposeInfo:
		return f.Version, true
	case trace.PurposeGoImport:
		return discovery, true
	}
	return "", false
}

func (v *View) servedModules(fetches []*trace.Fetch) *candidates {
	c := &candidates{
		served: map[candidate]bool{}, prefixes: map[candidate]string{},
		longer: map[candidate]string{}, broken: map[candidate]string{},
		wanted: map[string]bool{}, above: map[string]string{},
	}
	wanted, cut := v.WantedModules()
	c.cut = cut
	for _, path := range wanted {
		c.wanted[path] = true
		for p := parent(path); p != ""; p = parent(p) {
			c.above[p] = path
		}
	}
	for _, f := range fetches {
		kind, ok := queryKind(f)
		if !ok {
			continue
		}
		if f.Outcome == trace.OK {
			c.served[candidate{f.Module, kind}] = true
		}
		for p := parent(f.Module); p != ""; p = parent(p) {
			at := candidate{p, kind}
			c.longer[at] = f.Module
			switch f.Outcome {
			case trace.OK:
				c.prefixes[at] = f.Module
			case trace.Failed, trace.Hung:
				c.broken[at] = f.Module
			}
		}
	}
	return c
}

func parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '/'))]
}

// otherwise reports whether the go command could do without a fetch, because
// it was a query and another candidate, or another way to the same module's
// versions, was served; and which module that was.
func (c *candidates) otherwise(f *trace.Fetch) (instead string, ok bool) {
	kind, ok := queryKind(f)
	if !ok {
		return "", false
	}
	if longer := c.prefixes[candidate{f.Module, kind}]; longer != "" {
		return longer, true
	}
	if kind == anyVersion && c.served[candidate{f.Module, kind}] {
		return f.Module, true
	}
	for p := parent(f.Module); p != ""; p = parent(p) {
		if c.served[candidate{p, kind}] {
			return p, true
		}
	}
	return "", false
}

// overshadowed reports whether the failure of a longer candidate of the same
// query says more, and which: the go command shows that of the longest path,
// and any other error before a 404.
func (c *candidates) overshadowed(f *trace.Fetch) (longer string, ok bool) {
	kind, ok := queryKind(f)
	if !ok {
		return "", false
	}
	at := candidate{f.Module, kind}
	if c.broken[at] != "" {
		return c.broken[at], true
	}
	return c.longer[at], c.longer[at] != "" && f.Outcome == NotFound
}

// probe reports whether a fetch was for a prefix of a module that go was told to
// get, and that it had in its module cache: no candidate longer than the prefix
// was asked for. It also returns that module.
func (c *candidates) probe(f *trace.Fetch) (wanted string, ok bool) {
	kind, ok := queryKind(f)
	if !ok || c.cut || c.wanted[f.Module] || c.longer[candidate{f.Module, kind}] != "" {
		return "", false
	}
	return c.above[f.Module], c.above[f.Module] != ""
}

// refused reports whether every answer of a fetch was a 4xx: the probe of a
// path that is none of a module, or not one for us.
func refused(v *View, f *trace.Fetch) bool {
	n := 0
	for _, a := range f.Attempts {
		for _, id := range a.Requests {
			r := v.requests.get(id)
			if r == nil || r.Status < 400 || r.Status >= 500 {
				return false
			}
			n++
		}
	}
	return n > 0
}

// Harmless reports whether the command could do without the answer to a
// request: the same goal was reached later, or the request was one candidate
// of a query in which another was found, or failed for a better reason.
func (v *View) Harmless(r *trace.Request) bool {
	if f, _ := v.FetchOf(r); f != nil {
		if f.Outcome == trace.OK {
			return true
		}
		_, found := v.served.otherwise(f)
		_, less := v.served.overshadowed(f)
		_, probed := v.served.probe(f)
		// The query waits for all its candidates, so that one that hangs does harm.
		return (found || probed) && f.Outcome != trace.Hung || less
	}
	return v.answered()[sameRequest(r)] > r.ID
}

// answers returns the ids of the last requests that were answered 2xx.
func (v *View) answers() map[exchanged]int {
	last := map[exchanged]int{}
	for _, r := range v.Trace.Requests {
		if r.Status >= 200 && r.Status < 300 {
			last[sameRequest(r)] = r.ID
		}
	}
	return last
}

// exchanged identifies requests that ask the same thing.
type exchanged struct {
	pid         uint32
	method, url string
}

func sameRequest(r *trace.Request) exchanged { return exchanged{r.PID, r.Method, r.URL} }
