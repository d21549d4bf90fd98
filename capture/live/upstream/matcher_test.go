//go:build linux

package upstream

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

var (
	tree   = netip.MustParseAddrPort("127.0.0.1:40000")
	stub   = netip.MustParseAddrPort("127.0.0.53:53")
	host   = netip.MustParseAddrPort("10.1.1.9:5000")
	server = netip.MustParseAddrPort("10.1.1.1:53")
)

// message packs a question for a name, or the answer to it with a CNAME record.
func message(t testing.TB, name string, response bool, alias string) []byte {
	t.Helper()
	q := dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: response}, Questions: []dnsmessage.Question{q}}
	if alias != "" {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		m.Answers = []dnsmessage.Resource{
			{Header: h, Body: &dnsmessage.TXTResource{TXT: []string{"first"}}},
			{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(alias)}},
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ip wraps an upper-layer packet.
func ip(src, dst netip.Addr, protocol byte, b []byte) []byte {
	if src.Is6() {
		h := make([]byte, 40)
		h[0], h[6] = 0x60, protocol
		binary.BigEndian.PutUint16(h[4:], uint16(len(b)))
		copy(h[8:], src.AsSlice())
		copy(h[24:], dst.AsSlice())
		return append(h, b...)
	}
	h := make([]byte, 20)
	h[0], h[9] = 0x45, protocol
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(b)))
	copy(h[12:], src.AsSlice())
	copy(h[16:], dst.AsSlice())
	return append(h, b...)
}

func udp(src, dst netip.AddrPort, b []byte) []byte {
	h := binary.BigEndian.AppendUint16(nil, src.Port())
	h = binary.BigEndian.AppendUint16(h, dst.Port())
	h = append(binary.BigEndian.AppendUint16(h, uint16(8+len(b))), 0, 0)
	return ip(src.Addr(), dst.Addr(), unix.IPPROTO_UDP, append(h, b...))
}

func tcp(src, dst netip.AddrPort, b []byte) []byte {
	h := binary.BigEndian.AppendUint16(nil, src.Port())
	h = append(binary.BigEndian.AppendUint16(h, dst.Port()), make([]byte, 16)...)
	h[12] = 5 << 4
	return ip(src.Addr(), dst.Addr(), unix.IPPROTO_TCP, append(h, b...))
}

// icmp is a port unreachable about a packet.
func icmp(about []byte) []byte {
	return ip(server.Addr(), host.Addr(), unix.IPPROTO_ICMP, append([]byte{unreachable4, 3, 7: 0}, about...))
}

// framed is a message behind its length.
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func start() time.Time { return time.Unix(1_700_000_000, 0) }

// step is what one side does at a time: the command, the stub outbound (">") or
// what comes in for it ("<").
type step struct {
	after  time.Duration
	who    string
	packet []byte
}

// told runs steps and returns the numbers of the packets that were told.
func told(m *matcher, steps []step) []int {
	var arrived []heard
	for _, s := range steps {
		at := start().Add(s.after)
		if s.who == "command" {
			m.asked(s.packet, at)
			continue
		}
		arrived = append(arrived, heard{at: at, data: s.packet, outbound: s.who == ">"})
	}
	var numbers []int
	for _, p := range m.take(arrived, time.Time{}) {
		numbers = append(numbers, slices.IndexFunc(steps, func(s step) bool { return s.who != "command" && &s.packet[0] == &p.Data[0] }))
	}
	return numbers
}

func TestMatcher(t *testing.T) {
	ask := func(name string) []byte { return udp(tree, stub, message(t, name, false, "")) }
	up := func(name string) []byte { return udp(host, server, message(t, name, false, "")) }
	answer := func(name, alias string) []byte { return udp(server, host, message(t, name, true, alias)) }
	const ms = time.Millisecond
	six, six53 := netip.MustParseAddrPort("[2001:db8::9]:5000"), netip.MustParseAddrPort("[2001:db8::1]:53")
	fragment := udp(server, host, message(t, "a.test.", true, ""))
	fragment[6] = 0x20
	for _, tt := range []struct {
		name  string
		steps []step
		want  []int
	}{
		{"question and answer, in another case", []step{{0, "command", ask("a.test.")}, {ms, ">", up("A.tEsT.")}, {2 * ms, "<", answer("A.tEsT.", "")}}, []int{1, 2}},
		{"the command's question is known later", []step{{ms, ">", up("a.test.")}, {0, "command", ask("a.test.")}}, []int{0}},
		{"another name", []step{{0, "command", ask("a.test.")}, {ms, ">", up("b.test.")}, {2 * ms, "<", answer("b.test.", "")}}, nil},
		{"before the command asked", []step{{0, ">", up("a.test.")}, {100 * ms, "command", ask("a.test.")}}, nil},
		{"long after", []step{{0, "command", ask("a.test.")}, {31 * time.Second, ">", up("a.test.")}}, nil},
		{"long after the answer", []step{{0, "command", ask("a.test.")}, {ms, "command", udp(stub, tree, message(t, "a.test.", true, ""))}, {6 * time.Second, ">", up("a.test.")}}, nil},
		{"the other family's answer", []step{{0, "command", ask("a.test.")}, {ms, "command", udp(stub, tree, message(t, "a.test.", true, ""))}, {ms * 100, "<", answer("a.test.", "")}}, []int{2}},
		{"what an alias leads to", []step{{0, "command", ask("a.test.")}, {ms, "<", answer("a.test.", "B.test.")}, {2 * ms, ">", up("b.test.")}}, []int{1, 2}},
		{"the command's own question to another host", []step{{0, "command", ask("a.test.")}, {ms, "command", udp(host, server, message(t, "a.test.", false, ""))},
			{ms, ">", up("a.test.")}, {2 * ms, "<", answer("a.test.", "")}}, nil},
		{"no local resolver was asked", []step{{0, "command", udp(host, server, message(t, "a.test.", false, ""))}, {ms, ">", udp(netip.MustParseAddrPort("10.1.1.9:1"), server, message(t, "a.test.", false, ""))}}, nil},
		{"a server for others", []step{{0, "command", ask("a.test.")}, {ms, "<", up("a.test.")}, {2 * ms, ">", answer("a.test.", "")}}, nil},
		{"TCP", []step{{0, "command", ask("a.test.")}, {ms, ">", tcp(host, server, framed(message(t, "a.test.", false, "")))}}, []int{1}},
		{"TCP to the local one", []step{{0, "command", tcp(tree, stub, framed(message(t, "a.test.", false, "")))}, {ms, ">", up("a.test.")}}, []int{1}},
		{"TCP with somebody else's question behind", []step{{0, "command", ask("a.test.")},
			{ms, ">", tcp(host, server, append(framed(message(t, "a.test.", false, "")), framed(message(t, "b.test.", false, ""))...))}}, nil},
		{"IPv6", []step{{0, "command", ask("a.test.")}, {ms, ">", udp(six, six53, message(t, "a.test.", false, ""))}}, []int{1}},
		{"a fragment", []step{{0, "command", ask("a.test.")}, {ms, "<", fragment}}, nil},
		{"an own address that is no loopback address", []step{{0, "command", udp(netip.MustParseAddrPort("10.1.1.9:7"), netip.MustParseAddrPort("10.1.1.9:53"), message(t, "a.test.", false, ""))}, {ms, ">", up("a.test.")}}, []int{1}},
		{"a bridge and its port", []step{{0, "command", ask("a.test.")}, {ms, ">", up("a.test.")}, {ms, ">", up("a.test.")}}, []int{1}},
		{"again, later", []step{{0, "command", ask("a.test.")}, {ms, ">", up("a.test.")}, {time.Second, ">", up("a.test.")}}, []int{1, 2}},
		{"an ICMP error", []step{{0, "command", ask("a.test.")}, {ms, ">", up("a.test.")}, {2 * ms, "<", icmp(up("a.test."))}, {3 * ms, "<", icmp(up("b.test."))}}, []int{1, 2}},
		{"an ICMP error that quotes little", []step{{0, "command", ask("a.test.")}, {ms, ">", up("a.test.")}, {2 * ms, "<", icmp(up("a.test.")[:28])}}, []int{1, 2}},
		{"an ICMP error about what was not told", []step{{0, "command", ask("a.test.")}, {2 * ms, "<", icmp(up("a.test.")[:28])}}, nil},
		{"over TLS", []step{{0, "command", ask("a.test.")}, {ms, ">", tcp(host, netip.MustParseAddrPort("10.1.1.1:853"), []byte("..."))}}, nil},
	} {
		m := &matcher{}
		if d := cmp.Diff(tt.want, told(m, tt.steps)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
		if m.encrypted != (tt.name == "over TLS") {
			t.Errorf("%s: encrypted is %v", tt.name, m.encrypted)
		}
	}
}

// A packet is not decided about before the command's question can be known.
func TestHold(t *testing.T) {
	m := &matcher{}
	p := heard{at: start(), data: udp(host, server, message(t, "a.test.", false, "")), outbound: true}
	if got := m.take([]heard{p}, start().Add(-time.Millisecond)); len(got) != 0 {
		t.Errorf("told at once: %v", got)
	}
	m.asked(udp(tree, stub, message(t, "a.test.", false, "")), start())
	got := m.take(nil, start())
	if len(got) != 1 || !got[0].Upstream || got[0].PID != 0 || got[0].Length != len(p.data) {
		t.Errorf("got %+v", got)
	}
}

// Whatever comes, the tables stay small, and what did not fit is counted.
func TestBounds(t *testing.T) {
	m := &matcher{}
	for i := range maxNames + maxWays + 10 {
		name := netip.AddrFrom4([4]byte{1, byte(i >> 16), byte(i >> 8), byte(i)})
		m.asked(udp(tree, stub, message(t, name.String()+".", false, "")), start())
		m.asked(udp(host, netip.AddrPortFrom(name, 53), message(t, "a.", false, "")), start())
	}
	if len(m.names) != maxNames || len(m.own) != maxWays {
		t.Errorf("%d names, %d ways", len(m.names), len(m.own))
	}
	m.expect("new.", start().Add(time.Hour))
	if _, ok := m.names["new."]; !ok || len(m.names) != 1 {
		t.Errorf("names that are over did not give way: %d", len(m.names))
	}
	m.take(make([]heard, maxHeld+3), start().Add(-time.Hour).Add(-hold))
	if m.lost != 3 && len(m.held) > maxHeld {
		t.Errorf("%d held, %d lost", len(m.held), m.lost)
	}
}

func TestIsOn(t *testing.T) {
	own := []net.Addr{&net.IPNet{IP: net.IPv4(10, 0, 3, 1), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("fe80::1"), Mask: net.CIDRMask(64, 128)}}
	for address, want := range map[string]bool{
		"127.0.0.53": true, "::1": true, "127.0.0.1": true, "10.0.3.1": true, "fe80::1%eth0": true,
		"10.0.3.2": false, "192.0.2.1": false, "": false, "x": false,
	} {
		if got := isOn(address, own); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
	if d := cmp.Diff([]string{"127.0.0.53"}, Local([]string{"192.0.2.1", "127.0.0.53"})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"127.0.0.1"}, Local(nil)); d != "" {
		t.Error(d)
	}
}

// A nil watcher hears nothing.
func TestNoWatcher(t *testing.T) {
	var w *Watcher
	w.Asked(nil, start())
	if w.Heard(start()) != nil || w.Stop() != nil || w.Lost() != 0 || w.Encrypted() {
		t.Error("a nil watcher heard something")
	}
	w.Close()
}

func FuzzParse(f *testing.F) {
	f.Add(udp(host, server, message(f, "a.test.", false, "")))
	f.Add(udp(server, host, message(f, "a.test.", true, "b.test.")))
	f.Add(tcp(host, server, framed(message(f, "a.test.", false, ""))))
	f.Add(udp(netip.MustParseAddrPort("[::1]:9"), netip.MustParseAddrPort("[::1]:53"), nil))
	f.Add([]byte{0x4f, 63: 0})
	f.Add(icmp(udp(host, server, message(f, "a.test.", false, ""))))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parse(b)
		if ok && !p.encrypted && (p.name == "" || len(p.aliases) > maxAliases || p.way.server.Port() != portDNS) && !p.refused {
			t.Errorf("%+v", p)
		}
		m := &matcher{}
		m.asked(b, start())
		m.take([]heard{{at: start(), data: b}, {at: start(), data: b, outbound: true}}, time.Time{})
	})
}
