// Package decode reads the protocols inside a connection: SOCKS, HTTP/1, TLS,
// HTTP/2 and DNS.
//
// A decoder is a [flow.Stream]: it gets bytes, gaps and ends with their times
// and frame numbers, and never a socket, a clock or a goroutine. Decoders
// nest: after a CONNECT, a SOCKS reply or a TLS Finished a decoder feeds the
// inner bytes to a new [Detect] of its own, so an HTTPS proxy is
// tls → http1 (CONNECT) → tls → http2 with no special case.
//
// Malformed bytes keep what was read so far, mark the facts and end the
// decoding of that stream; they never end the run.
package decode

import (
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Conn is what a decoder knows of the connection that it sits in.
type Conn struct {
	// Facts is the connection in the report; decoders add TLS layers and the tunnel.
	Facts *trace.Connection
	// Endpoints are the TCP addresses.
	Endpoints flow.Endpoints
	// Secrets are the TLS secrets known so far.
	Secrets *keylog.Store
	// Out receives what was decoded.
	Out Out
	// Secure is set inside a TLS layer: the scheme is https.
	Secure bool
	// ALPN is the protocol agreed in the TLS layer directly around, or "".
	ALPN string
	// Tunnelled is set inside a proxy tunnel.
	Tunnelled bool
}

// Out receives decoded facts. Pointers stay valid and are filled in further
// while the exchange goes on.
type Out interface {
	// Request is called when the request line or the HEADERS frame was read.
	Request(*trace.Request)
	// Lookup is called for each DNS message. Requests and answers are joined by
	// the receiver.
	DNS(*Message)
}

// Inside returns a copy of c for the layer inside a TLS layer that agreed alpn.
func (c *Conn) Inside(alpn string) *Conn {
	in := *c
	in.Secure, in.ALPN = true, alpn
	return &in
}

// Through returns a copy of c for the layer inside a proxy tunnel.
func (c *Conn) Through() *Conn {
	in := *c
	in.Secure, in.ALPN, in.Tunnelled = false, "", true
	return &in
}

// protocol is one entry of the list of decoders.
type protocol struct {
	name string
	// match looks at the first bytes of the client, or of the server when the
	// client has sent nothing, and says yes, no, or "need more bytes".
	match func(c *Conn, d flow.Dir, first []byte) verdict
	start func(c *Conn) flow.Stream
}

type verdict uint8

const (
	no verdict = iota
	yes
	more
)
