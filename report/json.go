package report

import (
	"io"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// writeJSON writes one JSON object, keys as docs/report.schema.json says.
func writeJSON(w io.Writer, t *trace.Trace, _ Options) error { return encode(w, t) }
