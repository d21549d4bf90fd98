//go:build linux

package upstream

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inNamespace calls f in a network namespace with a way out, to neighbours that
// are known and not there.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	failed := make(chan error)
	go func() { // the thread ends with the goroutine, and the namespace with it
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = wayOut()
		}
		if err == nil {
			f()
		}
		failed <- err
	}()
	if err := <-failed; errors.Is(err, fs.ErrPermission) {
		t.Skip("needs CAP_SYS_ADMIN: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
}

func wayOut() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "out"
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "other"}); err != nil {
		return err
	}
	for _, name := range []string{"lo", "other", "out"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		if name != "out" {
			continue
		}
		for own, peer := range map[string]string{"10.1.1.9/24": "10.1.1.1", "2001:db8::9/64": "2001:db8::1"} {
			address, err := netlink.ParseAddr(own)
			if err != nil {
				return err
			}
			address.Flags = unix.IFA_F_NODAD
			neighbour := &netlink.Neigh{
				LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(peer),
				HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}, // of nobody
			}
			if err := errors.Join(netlink.AddrAdd(link, address), netlink.NeighAdd(neighbour)); err != nil {
				return err
			}
		}
	}
	return nil
}

// The filter lets DNS of both families and both transports pass, and nothing
// else; the packets begin with the IP header and have the time of the kernel.
func TestSocket(t *testing.T) {
	inNamespace(t, func() {
		s, err := openSocket()
		if err != nil {
			t.Error(err)
			return
		}
		defer s.close()
		before := time.Now()
		for _, to := range []string{
			"10.1.1.1:53", "[2001:db8::1]:53", "10.1.1.1:853", "127.0.0.1:53", "10.1.1.1:54", "[2001:db8::1]:5353", "10.1.1.1:443",
		} {
			send(t, "udp", to, 40)
		}
		send(t, "udp", "10.1.1.1:53", 5000) // in fragments: the first, cut, of which there is one with ports
		send(t, "tcp", "10.1.1.1:53", 0)
		send(t, "tcp", "10.1.1.1:443", 0)
		s.stop()
		var got []string
		for _, h := range s.fetch() {
			_, dst, protocol, _, _ := transport(h.data) // none of a fragment
			got = append(got, netip.AddrPortFrom(dst, uint16(protocol)).String())
			if !h.outbound || len(h.data) != ipLength(h.data) {
				t.Errorf("%v: outbound %v, %d bytes of %d", dst, h.outbound, len(h.data), ipLength(h.data))
			}
			if h.at.Before(before) || h.at.After(time.Now()) {
				t.Errorf("%v: at %v", dst, h.at)
			}
		}
		want := []string{"10.1.1.1:17", "[2001:db8::1]:17", "10.1.1.1:17", "invalid AddrPort", "10.1.1.1:6"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
		if n := s.drops(); n != 0 {
			t.Errorf("%d lost", n)
		}
	})
}

// send sends a datagram of n bytes, or begins a connection.
func send(t *testing.T, network, to string, n int) {
	fd := unix.SOCK_DGRAM
	if network == "tcp" {
		fd = unix.SOCK_STREAM
	}
	a := netip.MustParseAddrPort(to)
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(a.Port()), Addr: [4]byte(a.Addr().AsSlice()[:4])})
	if a.Addr().Is6() {
		family, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	fd, err := unix.Socket(family, fd|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, sa); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		t.Errorf("connect to %s: %v", to, err)
		return
	}
	if n > 0 {
		// ECONNREFUSED may come from the port of an earlier one on loopback.
		if _, err := unix.Write(fd, make([]byte, n)); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("send to %s: %v", to, err)
		}
	}
}
