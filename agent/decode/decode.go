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
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/digest"
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
	// Sums computes the digests of bodies; with a nil one they are computed at
	// once.
	Sums *digest.Sums
	// HashAll: every answer body gets a digest, however long. Else longer ones
	// than [MaxHashed] are only counted, and not even decrypted.
	HashAll bool
	// Out receives what was decoded.
	Out Out
	// Secure is set inside a TLS layer: the scheme is https.
	Secure bool
	// ALPN is the protocol agreed in the TLS layer directly around, or "".
	ALPN string
	// Tunnelled is set inside a proxy tunnel.
	Tunnelled bool
	// TCP are the transport facts so far, for who reset the connection; may be
	// nil, then Facts.ResetBy is used.
	TCP *flow.Conn

	// depth counts the layers around; see maxDepth.
	depth int
}

// Out receives decoded facts. Pointers stay valid and are filled in further
// while the exchange goes on.
type Out interface {
	// Request is called when the head of a request was read, with the method,
	// the URL and the headers set; also for a pushed HTTP/2 stream (Pushed).
	Request(*trace.Request)
	// DNS is called for each DNS message; [Lookups] joins questions and answers.
	DNS(*Message)
}

// Inside returns a copy of c for the layer inside a TLS layer that agreed alpn.
func (c *Conn) Inside(alpn string) *Conn {
	in := *c
	in.Secure, in.ALPN = true, alpn
	in.depth++
	return &in
}

// Through returns a copy of c for the layer inside a proxy tunnel.
func (c *Conn) Through() *Conn {
	in := *c
	in.Secure, in.ALPN, in.Tunnelled = false, "", true
	in.depth++
	return &in
}

// protocol is one entry of the list of decoders.
type protocol struct {
	// name is the word for it in [trace.Connection].Layers.
	name string
	// match looks at the first bytes of the client, or of the server while the
	// client has sent nothing, and says yes, no, or "need more bytes".
	match func(c *Conn, d flow.Dir, first []byte) verdict
	start func(c *Conn) flow.Stream
}

// verdict is what a protocol says to the first bytes of a stream.
type verdict uint8

const (
	no verdict = iota
	yes
	more
)

// protocols is the list of decoders. The first that does not say no gets the
// stream, so that the last must accept everything.
func protocols() []protocol {
	return []protocol{
		{"tls", matchTLS, func(c *Conn) flow.Stream { return newTLS(c) }},
		{"dns", matchDNS, func(c *Conn) flow.Stream { return newDNS(c) }},
		{"socks5", matchSOCKS5, func(c *Conn) flow.Stream { return newSOCKS(c, socks5) }},
		{"socks4", matchSOCKS4, func(c *Conn) flow.Stream { return newSOCKS(c, socks4) }},
		{"http2", matchHTTP2, func(c *Conn) flow.Stream { return newHTTP2(c) }},
		{"http1", matchHTTP1, func(c *Conn) flow.Stream { return newHTTP1(c) }},
		{"opaque", matchOpaque, func(c *Conn) flow.Stream { return opaque{} }},
	}
}

// Limits of what one connection may make us do.
const (
	// maxDepth is how many layers may nest: a hostile peer could open a tunnel
	// in a tunnel in a tunnel with forty bytes each.
	maxDepth = 16
	// maxNotes is how many notes one connection keeps, maxLayers how many names
	// of protocols: an HTTP/2 proxy has one for each stream.
	maxNotes, maxLayers = 16, 64
)

// layer keeps the name of a protocol that begins.
func (c *Conn) layer(name string) {
	if len(c.Facts.Layers) < maxLayers {
		c.Facts.Layers = append(c.Facts.Layers, name)
	}
}

// note keeps a sentence about what could not be decoded.
func (c *Conn) note(text string) {
	if len(c.Facts.Notes) < maxNotes && !slices.Contains(c.Facts.Notes, text) {
		c.Facts.Notes = append(c.Facts.Notes, text)
	}
}

// side names the sender in a direction as the report does: the client is local.
func side(d flow.Dir) string {
	if d == flow.ToServer {
		return "local"
	}
	return "remote"
}

// resetBy is the side that reset the connection, or "" where that is not known.
func (c *Conn) resetBy() string {
	if c.TCP != nil && c.TCP.ResetBy != nil {
		return side(*c.TCP.ResetBy)
	}
	return c.Facts.ResetBy
}
