//go:build linux

// Package upstream overhears what a resolver on this host asks other servers,
// for the names that the traced command asked it for, and nothing else: where
// resolv.conf says 127.0.0.53, it tells which server behind that failed.
//
// A packet socket with a filter in the kernel gets all DNS of the network
// namespace that leaves or enters the host. Of that only a message about a name
// which the command was just asking for is kept; the rest is forgotten unread
// but for its question.
package upstream

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// defaultResolver is asked where resolv.conf has no nameserver line (resolv.conf(5)).
const defaultResolver = "127.0.0.1"

// Local returns those of the resolvers of a resolv.conf that run on this host:
// at a loopback address or another one of its own.
func Local(resolvers []string) []string {
	if len(resolvers) == 0 {
		return []string{defaultResolver}
	}
	var own []net.Addr
	if !slices.ContainsFunc(resolvers, func(r string) bool { return isOn(r, nil) }) {
		own, _ = net.InterfaceAddrs() // without them loopback is what counts
	}
	return slices.DeleteFunc(slices.Clone(resolvers), func(r string) bool { return !isOn(r, own) })
}

// isOn reports whether an address is a loopback address or one of a host's own.
func isOn(address string, own []net.Addr) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	return ip.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == ip.WithZone("")
	})
}

// Watcher overhears local resolvers. A nil Watcher hears nothing. Its methods
// are for one goroutine.
type Watcher struct {
	socket *socket
	names  matcher
	lost   uint64
}

// Open begins to listen, in the network namespace of the calling thread. It
// needs CAP_NET_RAW.
func Open() (*Watcher, error) {
	s, err := openSocket()
	if err != nil {
		return nil, err
	}
	return &Watcher{socket: s}, nil
}

// Asked takes in a packet of the command: what it asks for is listened for from
// then on, and what it asks other hosts itself is not told twice.
func (w *Watcher) Asked(packet []byte, at time.Time) {
	if w != nil {
		w.names.asked(packet, at)
	}
}

// Heard returns the packets about names of the command that came some time
// before now: as long as the kernel may take to tell what the command asked.
// They have no frame number yet.
func (w *Watcher) Heard(now time.Time) []*capture.Packet {
	if w == nil {
		return nil
	}
	return w.names.take(w.socket.fetch(), now.Add(-hold))
}

// Stop ends the listening and returns the rest.
func (w *Watcher) Stop() []*capture.Packet {
	if w == nil {
		return nil
	}
	w.socket.stop()
	return w.names.take(w.socket.fetch(), time.Time{})
}

// Lost is how many packets there was no room for, so far.
func (w *Watcher) Lost() uint64 {
	if w == nil {
		return 0
	}
	w.lost += w.socket.drops()
	return w.lost + w.names.lost
}

// Encrypted reports whether a resolver exchanged packets over TLS (RFC 7858)
// while the command waited for an answer.
func (w *Watcher) Encrypted() bool { return w != nil && w.names.encrypted }

// Close gives the socket back.
func (w *Watcher) Close() {
	if w != nil {
		w.socket.close()
	}
}
