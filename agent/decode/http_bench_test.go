package decode

import (
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// BenchmarkHTTP1 decodes small exchanges on one connection.
func BenchmarkHTTP1(b *testing.B) {
	request := []byte("GET /mod.test/x/@v/v1.0.0.info HTTP/1.1\r\nHost: proxy.test\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"Version\":\"v1.0.0\"}")
	c, out := newTalk(80)
	s := NewDetect(c)
	b.SetBytes(int64(len(request) + len(answer)))
	for b.Loop() {
		s.Data(flow.ToServer, request, at(1))
		s.Data(flow.ToClient, answer, at(2))
		out.requests = out.requests[:0]
	}
}

// BenchmarkHTTP2Body decodes one long answer in frames of 16 KiB.
func BenchmarkHTTP2Body(b *testing.B) {
	c, _ := newTalk(80)
	w := newTalker2(b, NewDetect(c)).begin()
	w.get(1, "/x.zip")
	w.headers(flow.ToClient, 1, false, ":status: 200")
	w.sides[flow.ToClient].framer.WriteData(1, false, make([]byte, 1<<14))
	frame := w.sides[flow.ToClient].out.Bytes()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		w.s.Data(flow.ToClient, frame, at(9))
	}
}
