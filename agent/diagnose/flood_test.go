package diagnose

import (
	"fmt"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// The rules take no more than a few microseconds for each of the connections
// that a flood leaves in a capture. Comparing each with each would take minutes.
func TestFlood(t *testing.T) {
	const conns, limit = 30_000, 30 * time.Second
	tr := &trace.Trace{}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range conns {
		at := start.Add(time.Duration(i) * time.Millisecond)
		tr.Connections = append(tr.Connections, &trace.Connection{
			ID: i + 1, Local: fmt.Sprintf("10.%d.%d.%d:1024", i>>16, i>>8&255, i&255), Remote: "192.0.2.1:80",
			State: "S0", History: "S", StartedAt: at, ClosedAt: at.Add(time.Minute),
		})
	}
	begun := time.Now()
	goproxy.Explain(tr)
	Diagnose(tr)
	if took := time.Since(begun); took > limit {
		t.Errorf("%d connections took %v, want less than %v", conns, took, limit)
	}
}
