package diagnose

import (
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// explain makes information of what an earlier rule explains: where both rest on
// the same lookup, connection or request, the later one tells of a consequence.
func explain(list []*trace.Finding, order map[string]int) {
	for _, cause := range list {
		if cause.Severity == trace.Info {
			continue
		}
		for _, found := range list {
			if order[found.Rule] > order[cause.Rule] && rank(found) >= rank(cause) && sharesEvidence(cause, found) {
				found.Severity = trace.Info
			}
		}
	}
}

// sharesEvidence reports whether two findings rest on the same thing on the
// wire.
func sharesEvidence(a, b *trace.Finding) bool {
	return slices.ContainsFunc(a.Evidence, func(e trace.Evidence) bool {
		return e.Kind != kindConfig && e.Kind != kindProcess && e.Ref != "" && slices.ContainsFunc(b.Evidence, func(o trace.Evidence) bool {
			return o.Kind == e.Kind && o.Ref == e.Ref
		})
	})
}
