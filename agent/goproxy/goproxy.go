// Package goproxy gives requests their meaning to the go command: which file of
// which module was asked for, through which entry of the GOPROXY list, which
// redirects were followed, and why the command went on to the next entry or
// stopped.
//
// The rules are those of Go 1.26, $GOROOT/src/cmd/go/internal/modfetch and
// modload. The package reads a complete [trace.Trace] and adds to it; it needs
// neither a network nor the go command.
package goproxy

import "github.com/gopx-trace/gopx-trace/agent/trace"

// Explain fills Purpose, Module, Version, RedirectedFrom and Timings.DNS of the
// requests, and the Chains and Fetches of the trace. Settings that the trace
// does not know (a plain capture file) are inferred from the URLs.
func Explain(t *trace.Trace) {
	c := ConfigOf(t.Environment)
	for _, r := range t.Requests {
		r.Purpose, r.Module, r.Version = c.classify(r.Method, r.URL)
	}
	follow(t)
	nameRepositories(t)
	v := NewView(t)
	t.Chains = v.chains()
	v.lookupTimes()
	t.Fetches = v.fetches()
}
