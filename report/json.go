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
	return e.Encode(t)
}
