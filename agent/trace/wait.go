package trace

// What a [Wait] is for, from the lowest layer to the highest.
const (
	WaitLookup      = "lookup"       // an answer of the resolver
	WaitConnect     = "connect"      // the SYN-ACK
	WaitTunnel      = "tunnel"       // the proxy's answer to CONNECT, or of a SOCKS proxy
	WaitServerHello = "server-hello" // the answer to a ClientHello
	WaitHandshake   = "handshake"    // the rest of a TLS handshake
	WaitAnswer      = "answer"       // the head of an HTTP answer
	WaitBody        = "body"         // the rest of its body
)

// Wait is something that a running command waits for. It is no part of a
// report: when the command has ended, the findings tell.
type Wait struct {
	For string
	// Hop is the link that has to act, as in [Finding].
	Hop string
	// Host is who has to act, Address where: ip:port.
	Host, Address string
	// Via is the proxy between, host:port; empty if there is none. TunnelStatus
	// is what it answered to CONNECT, 0 without an answer.
	Via          string
	TunnelStatus int
	// About is the question, e.g. "A go.example.com", "GET https://...".
	About string
	Since Time
	// Attempts counts how often a lookup was sent.
	Attempts int
	// Retransmits counts the segments that our side had to send again.
	Retransmits int
	// Got are the bytes of the body so far, Length is its Content-Length.
	Got    uint64
	Length string
}
