package lab

import (
	"time"

	"golang.org/x/net/http2"
)

// refusedPatience lets the go command ask three times, a second and two apart;
// it goes on for a minute.
const refusedPatience = 5 * time.Second

// loopPace is how long a server waits that is asked for ever: a recording of
// the loop is to be short.
const loopPace = 250 * time.Millisecond

// streamFaults lists the faults of HTTP/2 with the module proxy.
func streamFaults() []Fault {
	refuses := func(code http2.ErrCode) func(*Setup) {
		return func(s *Setup) { s.At(GoProxyHost).HTTP2 = RefuseStreams(code) }
	}
	h2 := []string{GoProxyHost + ": h2"}
	return []Fault{
		{Name: "h2-goaway-loop", Rule: "h2-goaway-loop", Hop: atGoProxy, About: "the module proxy ends each HTTP/2 connection in good order before it answers, and go connects for ever",
			Setup: func(s *Setup) {
				s.At(GoProxyHost).HTTP2 = Slowly(loopPace, GoAway(http2.ErrCodeNo, ""))
			}, Proof: h2, Patience: 16 * loopPace},
		{Name: "h2-refused-stream", Rule: "h2-refused-stream", Hop: atGoProxy, About: "the module proxy refuses each HTTP/2 stream",
			Setup: refuses(http2.ErrCodeRefusedStream), Proof: h2, Patience: refusedPatience},
		{Name: "h2-stream-error", Rule: "h2-stream-error", Hop: atGoProxy, About: "the module proxy resets each HTTP/2 stream with INTERNAL_ERROR",
			Setup: refuses(http2.ErrCodeInternal), Says: "INTERNAL_ERROR; received from peer", Proof: h2},
		{Name: "h2-enhance-your-calm", Rule: "h2-enhance-your-calm", Hop: atGoProxy, About: "the module proxy takes the client for a flood and ends its HTTP/2 connections",
			Setup: func(s *Setup) { s.At(GoProxyHost).HTTP2 = GoAway(http2.ErrCodeEnhanceYourCalm, "too_many_pings") },
			Says:  "ENHANCE_YOUR_CALM", Proof: h2},
		{Name: "h2-goaway-error", Rule: "h2-goaway-error", Hop: atGoProxy, About: "the module proxy ends its HTTP/2 connections with an error",
			Setup: func(s *Setup) { s.At(GoProxyHost).HTTP2 = GoAway(http2.ErrCodeInternal, "boom") },
			Says:  "INTERNAL_ERROR", Proof: h2},
		{Name: "h2-http11-required", Rule: "h2-http11-required", Hop: atGoProxy, About: "the module proxy agrees on HTTP/2 and then wants HTTP/1.1",
			Setup: refuses(http2.ErrCodeHTTP11Required), Says: "HTTP_1_1_REQUIRED", Proof: h2},
	}
}
