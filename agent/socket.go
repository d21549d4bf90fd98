package agent

import (
	"net/netip"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// maxSockets is how many sockets may be known beyond those that can be listed.
const maxSockets = 1 << 16

// socket is what the kernel said of one TCP socket.
type socket struct {
	dialled *capture.Socket // the connect call
	errno   uint32
	// packets is set once a connection with packets took these facts.
	packets bool
	// closed is set once the kernel has closed it.
	closed bool
}

// socket takes an event of a socket in. Only what packets can't tell is kept:
// the address that was dialled and the errors that the process was given.
func (b *builder) socket(e *capture.Socket) {
	if e.Protocol != 0 && e.Protocol != linuxTCP {
		return
	}
	s := b.sockets[e.Cookie]
	if s == nil {
		if len(b.sockets) >= b.keep.limit+maxSockets {
			return // its connection has no fact from here
		}
		s = &socket{}
		b.sockets[e.Cookie] = s
	}
	switch e.Kind {
	case capture.SocketConnect:
		if e.Type == linuxStream {
			s.dialled = new(*e)
		}
	case capture.SocketConnected:
		if e.Errno != linuxInProgress && e.Errno != linuxRestart {
			s.note(e.Errno)
		}
	case capture.SocketError:
		s.note(e.Errno)
	case capture.SocketState:
		s.closed = e.NewState == linuxClose
	}
}

// note keeps the first error: later ones follow from it.
func (s *socket) note(errno uint32) {
	if s.errno == 0 {
		s.errno = errno
	}
}

// tell adds what the kernel said to a connection.
func (s *socket) tell(c *trace.Connection) {
	if s.errno != 0 {
		c.Errno = errnoName(s.errno)
	}
	if s.dialled != nil && s.dialled.PID == c.PID && c.Reached == "" && ledElsewhere(s.dialled.Remote, c.Remote) {
		c.Remote, c.Reached = plain(s.dialled.Remote).String(), c.Remote
	}
}

// ledElsewhere reports whether the packets of a socket go to another address
// than the one that was dialled. To dial the unspecified address is to dial
// this host (connect(2)).
func ledElsewhere(dialled netip.AddrPort, remote string) bool {
	to, err := netip.ParseAddrPort(remote)
	return err == nil && dialled.IsValid() && !dialled.Addr().IsUnspecified() && plain(dialled) != plain(to)
}

// plain is an address without the IPv6 form of IPv4 and without a zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// refused returns the connection that the kernel refused to dial: it has an
// error and no packet, so packets can't show it.
func (s *socket) refused(id int) *trace.Connection {
	if s.packets || s.dialled == nil || s.errno == 0 {
		return nil
	}
	return &trace.Connection{
		ID: id, PID: s.dialled.PID, Remote: s.dialled.Remote.String(), StartedAt: s.dialled.Time,
		State: "OTH", Errno: errnoName(s.errno),
	}
}
