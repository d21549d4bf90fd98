package goproxy

import (
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxDialAfterLookup is how long after an answer its address may still be
// dialled: the go command's dial limit (net/http, DefaultTransport), in which
// it tries one address after the other.
const maxDialAfterLookup = 30 * time.Second

// lookupTimes fills Timings.DNS of the first request on each connection with
// the time that the lookups before its dial took. A and AAAA go out together,
// so their union counts; a lookup is charged to one connection only.
func (v *View) lookupTimes() {
	byName, charged := map[string][]*trace.Lookup{}, map[int]bool{}
	for _, l := range v.Lookups() {
		name := strings.ToLower(l.Name)
		byName[name] = append(byName[name], l)
	}
	for _, c := range v.Trace.Connections {
		if rs := v.on[c.ID]; len(rs) > 0 && rs[0].Timings.DNS <= 0 {
			if d := union(lookupsBefore(c, byName[v.Dialled(c)], charged)); d > 0 {
				rs[0].Timings.DNS = trace.MillisOf(d)
			}
		}
	}
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// lookupsBefore returns when the answered lookups of the dialled name ran, of
// those that no earlier connection was charged with.
func lookupsBefore(c *trace.Connection, lookups []*trace.Lookup, charged map[int]bool) []span {
	var spans []span
	for _, l := range lookups {
		if l.PID != c.PID || charged[l.ID] || l.Duration == nil {
			continue
		}
		end := l.StartedAt.Add(l.Duration.Duration())
		if end.After(c.StartedAt) || c.StartedAt.Sub(end) > maxDialAfterLookup {
			continue
		}
		charged[l.ID] = true
		spans = append(spans, span{l.StartedAt, end})
	}
	return spans
}

// union returns the time that the spans cover together.
func union(spans []span) time.Duration {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var total time.Duration
	var to time.Time
	for _, s := range spans {
		if s.from.Before(to) {
			s.from = to
		}
		if s.to.After(s.from) {
			total += s.to.Sub(s.from)
			to = s.to
		}
	}
	return total
}
