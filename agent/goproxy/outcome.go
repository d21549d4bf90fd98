package goproxy

import (
	"fmt"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// NotFound is the outcome of an attempt that was answered 404 or 410, and of a
// fetch that the command did without.
const NotFound = "not-found"

// How long nothing must have come before waiting is called a hang.
const (
	// patience is below the shortest time limit of the go command that ends a
	// wait (the 5 s of its GOINSECURE client).
	patience = 4500 * time.Millisecond
	// impatience is for a command that was ended from outside: whatever it
	// waited for then is what was being waited for.
	impatience = time.Second
)

// Patience returns how long nothing must have come in this trace before
// waiting is called a hang.
func (v *View) Patience() time.Duration {
	if c := v.Trace.Command; c != nil && (c.Interrupted || c.TimedOut || c.Signal != "" && !Crashed(c)) {
		return impatience
	}
	return patience
}

// Brief reports whether a wait is so short that only the end of the command
// makes it one: the peer may just have been slow.
func Brief(waited time.Duration) bool { return waited < patience }

// Crashed reports whether a command ended by a fault of its own, which says
// nothing about what it waited for (signal(7)).
func Crashed(c *trace.Command) bool {
	switch c.Signal {
	case "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS":
		return true
	}
	return false
}

// outcome says how a request ended, as [trace.Attempt.Outcome].
func (v *View) outcome(r *trace.Request) string {
	switch {
	case v.Unseen(r):
		return trace.Unknown
	case Unusable(r) != "", Short(r):
		return trace.Failed
	case r.Status == 404 || r.Status == 410:
		return NotFound
	case r.Status == 0 || r.Status < 300 && !r.ResponseComplete:
		if v.Waited(r) >= v.Patience() {
			return trace.Hung
		}
		return trace.Failed
	case r.Status < 300:
		return trace.OK
	}
	return trace.Failed
}

// Unseen reports whether the end of the answer is missing because the tracer
// missed bytes, which says nothing about the peer.
func (v *View) Unseen(r *trace.Request) bool {
	if r.ResponseComplete || r.Status >= 300 {
		return false
	}
	c := v.connections[r.Connection]
	return c != nil && c.MissedBytes > 0 || strings.HasPrefix(r.Error, "answer not observed")
}

// Waited returns how long the process waited, in vain, for the next byte of
// the answer: 0 unless the connection stayed open without it. It ends where the
// process gave up or the trace ends.
func (v *View) Waited(r *trace.Request) time.Duration {
	c := v.connections[r.Connection]
	if c == nil || r.ResponseComplete || v.Unseen(r) || PeerEnded(c) != "" {
		return 0
	}
	if strings.HasPrefix(r.Error, "stream reset") || strings.HasPrefix(r.Error, "refused by GOAWAY") {
		return 0
	}
	from := later(r.StartedAt, r.SentAt)
	if r.Status != 0 {
		if r.LastByteAt.IsZero() {
			return 0 // not known: it may have flowed to the end
		}
		from = later(from, r.LastByteAt)
	}
	return max(0, v.EndOf(c).Sub(from))
}

// How a peer can end a connection, see [PeerEnded].
const (
	PeerClosed = "closed" // FIN
	PeerReset  = "reset"  // RST
)

// PeerEnded says how the peer ended a connection; empty unless it did so before
// the process: a RST in reply to our FIN is not the peer's doing. The order is
// that of the letters in Zeek's history. A close_notify of a TLS layer (RFC 8446,
// section 6.1), which ends those in it, may come ahead of the peer's FIN, and
// then the process's own FIN too.
func PeerEnded(c *trace.Connection) string {
	notified := false
	for _, l := range c.TLS { // the inner layers come last and decide
		if l.CloseNotify != "" {
			notified = l.CloseNotify == "remote"
		}
	}
	for _, event := range c.History {
		switch event {
		case 'F', 'R':
			if notified {
				return PeerClosed
			}
			return ""
		case 'f':
			return PeerClosed
		case 'r':
			return PeerReset
		}
	}
	switch {
	case c.ResetBy == "remote":
		return PeerReset
	case c.ClosedBy == "remote":
		return PeerClosed
	}
	return ""
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// reason says in a few words why a request failed.
func (v *View) reason(r *trace.Request) string {
	switch {
	case r.Method == "CONNECT" && r.Status != 0:
		return fmt.Sprintf("the proxy answered %d to CONNECT %s", r.Status, r.URL)
	case Unusable(r) != "":
		return Unusable(r)
	case r.Status >= 300 && r.Status < 400:
		if to := Location(r); to != "" {
			return fmt.Sprintf("the redirect to %s was not followed to an answer", Host(to))
		}
		return fmt.Sprintf("HTTP %d", r.Status)
	case r.Status >= 400:
		return fmt.Sprintf("HTTP %d", r.Status)
	case v.Waited(r) >= v.Patience():
		what := "no answer"
		switch {
		case r.Method == "CONNECT":
			what = "the proxy did not answer CONNECT " + r.URL
		case r.Status != 0:
			what = "the answer stopped"
		}
		return fmt.Sprintf("%s for %.0f s", what, v.Waited(r).Seconds())
	case r.Error != "":
		return r.Error
	case r.Status != 0:
		return "the answer was cut"
	}
	return "no answer"
}
