package report

import (
	"encoding/json"
	"io"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// writeJSON writes one JSON object, keys as docs/report.schema.json says.
func writeJSON(w io.Writer, t *trace.Trace, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(complete(t))
}

// complete returns a copy whose lists are [] rather than null, so that a
// script can loop over them without asking.
func complete(t *trace.Trace) *trace.Trace {
	return rewrite(t, func(_, s string) string { return s })
}
