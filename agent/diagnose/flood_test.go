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
	for _, c := range []trace.Connection{
		{State: "S0", History: "S"},
		{State: "REJ", History: "Sr", ResetBy: "remote", ResetTTL: 60},
		{State: "SF", History: "ShADadfF", Connect: new(trace.Millis(1)), BytesSent: 9, BytesReceived: 9, TTL: 60},
	} {
		t.Run(c.State, func(t *testing.T) { flood(t, c) })
	}
}

// flood diagnoses a trace of many connections like one.
func flood(t *testing.T, like trace.Connection) {
	const conns, limit = 30_000, 30 * time.Second
	tr := &trace.Trace{}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range conns {
		at := start.Add(time.Duration(i) * time.Millisecond)
		c := like
		c.ID, c.StartedAt, c.ClosedAt = i+1, at, at.Add(time.Minute)
		c.Local, c.Remote = fmt.Sprintf("10.%d.%d.%d:1024", i>>16, i>>8&255, i&255), "192.0.2.1:80"
		tr.Connections = append(tr.Connections, &c)
	}
	begun := time.Now()
	goproxy.Explain(tr)
	Diagnose(tr)
	if took := time.Since(begun); took > limit {
		t.Errorf("%d connections took %v, want less than %v", conns, took, limit)
	}
}
