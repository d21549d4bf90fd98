//go:build linux

package bpf

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TCP states, include/net/tcp_states.h.
const (
	stateEstablished = 1
	stateSynSent     = 2
	stateClose       = 7
)

// A connection that is refused: the address dialled, the states, the reset and
// the errors.
func TestConnectRefused(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			w := watch(t, Options{})
			address := netip.MustParseAddrPort(closedPort(t, "tcp", host))
			pid, samples := w.run(self("dial", address.String()))
			defer dump(t, samples)
			connects := ofKind(samples, KindSocketConnect)
			if len(connects) != 1 || connects[0].Socket.Remote != address || connects[0].PID != pid {
				t.Fatalf("connects %+v, want one to %v", connects, address)
			}
			cookie := connects[0].Socket.Cookie
			checkSocket(t, samples, KindSocketConnected, cookie, func(s Socket) bool { return s.Errno == uint32(unix.EINPROGRESS) })
			checkSocket(t, samples, KindSocketState, cookie, func(s Socket) bool {
				return s.OldState == stateClose && s.NewState == stateSynSent && s.Remote == address
			})
			checkSocket(t, samples, KindResetIn, cookie, func(s Socket) bool { return s.Remote == address && s.Local.Port() != 0 })
			checkSocket(t, samples, KindSocketState, cookie, func(s Socket) bool {
				return s.OldState == stateSynSent && s.NewState == stateClose && s.Errno == uint32(unix.ECONNREFUSED)
			})
			checkSocket(t, samples, KindSocketError, cookie, func(s Socket) bool { return s.Errno == uint32(unix.ECONNREFUSED) })
		})
	}
}

// checkSocket wants exactly one sample of the kind and socket that matches.
func checkSocket(t *testing.T, samples []Sample, kind Kind, cookie uint64, matches func(Socket) bool) {
	t.Helper()
	n := 0
	for _, s := range ofKind(samples, kind) {
		if s.Socket.Cookie == cookie && matches(s.Socket) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d matching samples of kind %d, want 1", n, kind)
	}
}

// A connection that succeeds has a round-trip time.
func TestConnectEstablished(t *testing.T) {
	w := watch(t, Options{})
	_, samples := w.run(self("echo", echoServer(t, "127.0.0.1"), "1000"))
	defer dump(t, samples)
	cookie := ofKind(samples, KindSocketConnect)[0].Socket.Cookie
	checkSocket(t, samples, KindSocketState, cookie, func(s Socket) bool {
		return s.NewState == stateEstablished && s.SRTT > 0 && s.Local.Port() != 0
	})
}

// No route: connect(2) itself fails and nothing is ever sent.
func TestConnectUnreachable(t *testing.T) {
	needRoot(t)
	newNetns(t)
	w := watch(t, Options{})
	_, samples := w.run(self("dial", "203.0.113.1:80"))
	defer dump(t, samples)
	cookie := ofKind(samples, KindSocketConnect)[0].Socket.Cookie
	checkSocket(t, samples, KindSocketConnected, cookie, func(s Socket) bool { return s.Errno == uint32(unix.ENETUNREACH) })
}

// newNetns moves the goroutine, and what it starts, into a network namespace of
// its own until the test ends.
func newNetns(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	old, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer old.Close()
		if err := unix.Setns(int(old.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Error(err) // the thread stays locked and ends with the goroutine
			return
		}
		runtime.UnlockOSThread()
	})
}

// tunPeer is a host behind a TUN interface that the test plays by hand.
type tunPeer struct {
	t    *testing.T
	file *os.File
}

// newTun makes a TUN interface with an address, all of whose network is the peer.
func newTun(t *testing.T, address string) *tunPeer {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		skip(t, "no /dev/net/tun: "+err.Error())
	}
	request, err := unix.NewIfreq("gopx0")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "tun")
	t.Cleanup(func() { file.Close() })
	link, err := netlink.LinkByName("gopx0")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	addr.Flags = unix.IFA_F_NODAD
	if err := netlink.AddrAdd(link, addr); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	return &tunPeer{t, file}
}

// nextTCP reads up to the next TCP packet.
func (p *tunPeer) nextTCP() []byte {
	p.t.Helper()
	p.file.SetReadDeadline(time.Now().Add(5 * time.Second))
	for b := make([]byte, 2000); ; {
		n, err := p.file.Read(b)
		if err != nil {
			p.t.Error(err)
			return nil
		}
		if parse(b[:n]).protocol == unix.IPPROTO_TCP {
			return slices.Clone(b[:n])
		}
	}
}

func (p *tunPeer) write(b []byte) {
	p.t.Helper()
	if _, err := p.file.Write(b); err != nil {
		p.t.Error(err)
	}
}

// answer is a TCP packet from where b goes to, IPv4 without options.
func answer(b []byte, flags byte, ack uint32) []byte {
	be := binary.BigEndian
	r := make([]byte, 40)
	copy(r, b[:20])
	copy(r[12:], b[16:20])
	copy(r[16:], b[12:16])
	be.PutUint16(r[2:], 40)
	copy(r[20:], b[22:24])
	copy(r[22:], b[20:22])
	be.PutUint32(r[28:], ack)
	r[32], r[33] = 5<<4, flags
	pseudo := append(slices.Clone(r[12:20]), 0, unix.IPPROTO_TCP, 0, 20)
	be.PutUint16(r[36:], checksum(append(pseudo, r[20:]...)))
	return sealIPv4(r)
}

// sealIPv4 sets length and checksum of the header.
func sealIPv4(b []byte) []byte {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], checksum(b[:int(b[0]&15)*4]))
	return b
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	if len(b)%2 == 1 {
		b = append(slices.Clone(b), 0)
	}
	for ; len(b) > 0; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// A SYN that is not answered is sent again; a wrong answer earns a RST; and a RST
// ends it.
func TestRetransmitAndResets(t *testing.T) {
	needRoot(t)
	newNetns(t)
	peer := newTun(t, "10.99.0.1/24")
	w := watch(t, Options{})
	go func() {
		first := peer.nextTCP()
		again := peer.nextTCP()
		if first == nil || again == nil {
			return
		}
		seq := parse(again).seq
		peer.write(answer(again, flagACK, seq+1000))
		peer.nextTCP() // our RST
		peer.write(answer(again, flagRST|flagACK, seq+1))
	}()
	_, samples := w.run(self("dial", "10.99.0.2:80"))
	defer dump(t, samples)
	cookie := ofKind(samples, KindSocketConnect)[0].Socket.Cookie
	checkSocket(t, samples, KindRetransmit, cookie, func(s Socket) bool { return s.Remote.String() == "10.99.0.2:80" })
	checkSocket(t, samples, KindResetOut, cookie, func(s Socket) bool { return true })
	checkSocket(t, samples, KindResetIn, cookie, func(s Socket) bool { return s.Retransmits == 1 })
	if packets := ofKind(samples, KindPacket); count(packets, true, flagSYN) != 2 || count(packets, false, flagRST|flagACK) != 1 {
		t.Error("want two SYNs of ours and one RST of the peer")
	}
}

// An ICMP error to a SYN, with options in the outer header.
func TestGapICMPToSYN(t *testing.T) {
	tests := []struct {
		name, address, dial string
		unreachable         func(syn []byte) []byte
	}{
		{"IPv4", "10.99.0.1/24", "10.99.0.2:80", hostUnreachable4},
		{"IPv6", "fd99::1/64", "[fd99::2]:80", portUnreachable6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			needRoot(t)
			newNetns(t)
			peer := newTun(t, test.address)
			w := watch(t, Options{})
			go func() {
				if syn := peer.nextTCP(); syn != nil {
					peer.write(test.unreachable(syn))
				}
			}()
			_, samples := w.run(self("dial", test.dial))
			defer dump(t, samples)
			cookie := ofKind(samples, KindSocketConnect)[0].Socket.Cookie
			if gap := filled(samples); len(gap) != 1 || gap[0].Packet.Cookie != cookie || gap[0].Packet.Outbound {
				t.Errorf("%d packets filled in, want the ICMP error", len(gap))
			}
		})
	}
}

// hostUnreachable4 is an ICMP error (RFC 792) whose IP header has 4 bytes of options.
func hostUnreachable4(syn []byte) []byte {
	b := append(slices.Clone(syn[:20]), 1, 1, 1, 0)
	b[0], b[9] = 4<<4|6, unix.IPPROTO_ICMP
	copy(b[12:], syn[16:20])
	copy(b[16:], syn[12:16])
	icmp := append([]byte{3, 1, 0, 0, 0, 0, 0, 0}, syn...)
	binary.BigEndian.PutUint16(icmp[2:], checksum(icmp))
	return sealIPv4(append(b, icmp...))
}

// portUnreachable6 is an ICMPv6 error (RFC 4443) behind a destination options
// header.
func portUnreachable6(syn []byte) []byte {
	icmp := append([]byte{1, 4, 0, 0, 0, 0, 0, 0}, syn...)
	b := slices.Clone(syn[:40])
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(icmp)))
	b[6] = unix.IPPROTO_DSTOPTS
	copy(b[8:], syn[24:40])
	copy(b[24:], syn[8:24])
	pseudo := append(slices.Clone(b[8:40]), 0, 0, 0, byte(len(icmp)), 0, 0, 0, unix.IPPROTO_ICMPV6)
	binary.BigEndian.PutUint16(icmp[2:], checksum(append(pseudo, icmp...)))
	b = append(b, unix.IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0)
	return append(b, icmp...)
}
