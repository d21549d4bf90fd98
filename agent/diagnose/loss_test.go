package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// lossExamples are about packets that somebody between drops or makes.
func lossExamples() []example {
	const a = "goproxy:a.test"
	lost := func(again int, unacked uint64, sacked bool) func(*story) {
		return func(s *story) {
			c := s.dial("a.test", "443")
			s.hello(c, "a.test")
			c.Retransmits, c.Unacked, c.Sacked = again, unacked, sacked
			s.wait(10*time.Second).ended(c, "local", "closed")
		}
	}
	dead := func(again int, unacked uint64) func(*story) {
		return func(s *story) {
			r := s.get("a.test", info, 0)
			c := s.t.Connections[r.Connection-1]
			c.BytesReceived, c.Retransmits, c.Unacked = 900, again, unacked
			s.wait(20 * time.Second)
		}
	}
	refusedWith := func(reset, own uint8) func(*story) {
		return func(s *story) {
			s.goproxy("http://a.test|https://a.test:8443")
			c := s.dial("a.test", "80")
			c.TTL = own
			s.request(c, "GET", "http://a.test"+info, 404)
			s.failed("a.test", "8443", "REJ", "ECONNREFUSED", "").ResetTTL = reset
		}
	}
	reset := func(ttl uint8) func(*story) {
		return func(s *story) {
			c := s.dial("a.test", "443")
			s.hello(c, "a.test")
			s.ended(c, "remote", "reset")
			c.TTL, c.ResetTTL = 57, ttl
		}
	}
	return []example{
		{"half of the ClientHello", lost(5, 70, false), "pq-hello-dropped", a},
		{"the tail of the ClientHello only", lost(5, 1448, true), "mtu-blackhole-client", a},
		{"all of the ClientHello, and no answer", lost(0, 0, false), "tls-silent-server", a},
		{"bytes, and then nothing is acknowledged", dead(5, 300), "tcp-midstream-blackhole", a},
		{"an acknowledged request without an answer", dead(0, 0), "hang-no-response", a},
		{"one segment was sent again", dead(1, 0), "hang-no-response", a},
		{"a RST from nearer", refusedWith(64, 57), "fw-reject-reset", a},
		{"a RST from the host", refusedWith(57, 57), "tcp-refused", a},
		{"a RST to the ClientHello from nearer", reset(64), "sni-reset", a},
	}
}

// A RST that did not come from the server makes the reset certain.
func TestForeignResetIsCertain(t *testing.T) {
	for ttl, want := range map[uint8]string{64: trace.Certain, 57: trace.Likely, 0: trace.Likely} {
		s := begin()
		c := s.dial("a.test", "443")
		s.hello(c, "a.test")
		s.ended(c, "remote", "reset")
		c.TTL, c.ResetTTL = 57, ttl
		if got := s.diagnosed().Findings[0].Confidence; got != want {
			t.Errorf("TTL %d: %s, want %s", ttl, got, want)
		}
	}
}
