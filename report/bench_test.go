package report

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// downloads is a trace of n requests for module files, as the go command makes them.
func downloads(n int) *trace.Trace {
	at := time.Date(2026, 11, 22, 18, 0, 0, 123456789, time.UTC)
	t := &trace.Trace{
		Schema:  trace.Schema,
		Verdict: trace.Verdict{Outcome: trace.OK},
		Command: &trace.Command{Argv: []string{"go", "mod", "download"}, StartedAt: at, Duration: 6500},
		Connections: []*trace.Connection{{
			ID: 1, Stream: new(int), Local: "127.0.0.1:40000", Remote: "127.0.0.1:443", StartedAt: at, State: "SF", History: "ShADadFf",
		}},
	}
	for i := range n {
		module := fmt.Sprintf("bench.test/m%05d/m", i)
		path := fmt.Sprintf("/bench.test/m%05d/m/@v/v1.0.0.mod", i)
		r := &trace.Request{
			ID: i + 1, Connection: 1, HTTPStream: new(uint32(2*i + 1)), PID: 4711, Protocol: "HTTP/2.0", Method: "GET",
			URL: "https://127.0.0.1:443" + path, Status: 200, Purpose: trace.PurposeMod, Module: module, Version: "v1.0.0",
			Headers: []trace.Header{
				{Name: ":authority", Value: "127.0.0.1:443"}, {Name: ":method", Value: "GET"}, {Name: ":path", Value: path},
				{Name: ":scheme", Value: "https"}, {Name: "accept-encoding", Value: "gzip"}, {Name: "user-agent", Value: "Go-http-client/2.0"},
			},
			ResponseHeaders: []trace.Header{
				{Name: ":status", Value: "200"}, {Name: "content-type", Value: "text/plain; charset=utf-8"},
				{Name: "content-length", Value: "42"}, {Name: "date", Value: "Sun, 22 Nov 2026 18:00:00 GMT"},
			},
			ResponseBytes: 42, ResponseComplete: true, ResponseSHA256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
			StartedAt: at.Add(time.Duration(i) * 300 * time.Microsecond), Frames: []int{3 * i, 3*i + 1, 3*i + 2},
			Timings: trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: 0.012345, Wait: 0.5, Receive: 0.01},
		}
		t.Requests = append(t.Requests, r)
		t.Fetches = append(t.Fetches, &trace.Fetch{
			Module: module, Version: "v1.0.0", Purpose: trace.PurposeMod, Outcome: trace.OK,
			Attempts: []trace.Attempt{{Entry: "https://127.0.0.1:443", Requests: []int{r.ID}, Outcome: trace.OK}},
		})
	}
	return t
}

// BenchmarkWrite tells runs of 200, 2,000 and 20,000 requests. What one of them
// costs must not grow with their number.
func BenchmarkWrite(b *testing.B) {
	for _, format := range Formats() {
		for _, n := range []int{200, 2_000, 20_000} {
			b.Run(fmt.Sprintf("%s/%d", format.Name, n), func(b *testing.B) {
				t := downloads(n)
				b.ReportAllocs()
				for b.Loop() {
					if err := Write(io.Discard, format.Name, t, Options{Verbose: true}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/request")
			})
		}
	}
}
