package goproxy

import (
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// resolved is a name that a process got an address for.
type resolved struct {
	pid  uint32
	name string
}

// Lookups returns what the command asked: without what a resolver on this host
// passed on to another server.
func (v *View) Lookups() []*trace.Lookup {
	if !v.upstream {
		return v.Trace.Lookups
	}
	return slices.DeleteFunc(slices.Clone(v.Trace.Lookups), func(l *trace.Lookup) bool { return l.Upstream })
}

// indexLookups notes which addresses were given for which name, and which names
// were resolved, with the names that a search domain may have been put after.
func (v *View) indexLookups() {
	v.upstream = slices.ContainsFunc(v.Trace.Lookups, func(l *trace.Lookup) bool { return l.Upstream })
	for _, l := range v.Lookups() {
		v.see(l.StartedAt)
		for _, a := range l.Answers {
			if a.Type != "A" && a.Type != "AAAA" {
				continue
			}
			v.names[a.Data] = append(v.names[a.Data], l)
			name := strings.ToLower(l.Name)
			v.resolved[resolved{l.PID, name}] = true
			for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
				v.begun[resolved{l.PID, name[:i]}] = true
			}
		}
	}
}

// Resolved reports whether the process got an address for the name of a
// lookup from some lookup: the other family, another server, another try, with
// or without a search domain.
func (v *View) Resolved(l *trace.Lookup) bool {
	name := strings.ToLower(l.Name)
	if v.resolved[resolved{l.PID, name}] || v.begun[resolved{l.PID, name}] {
		return true
	}
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if v.resolved[resolved{l.PID, name[:i]}] {
			return true
		}
	}
	return false
}

func hasAddress(l *trace.Lookup) bool {
	return slices.ContainsFunc(l.Answers, func(a trace.Answer) bool { return a.Type == "A" || a.Type == "AAAA" })
}
