package flow

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// start is when every test capture begins.
func start() time.Time { return time.Unix(1_700_000_000, 0).UTC() }

// seg is one TCP segment of a test conversation. Numbers are relative: 0 is
// the SYN of that direction.
type seg struct {
	from  Dir
	flags string // S A F R, as needed
	seq   uint32
	ack   uint32
	data  string
	// more bytes were on the wire but not captured
	more   int
	after  time.Duration // since the segment before
	zero   bool          // window 0
	dir    capture.Direction
	socket uint64
}

// Initial sequence numbers: ToServer wraps soon.
const (
	isnClient = 0xffff_fff0
	isnServer = 5000
)

func tcpFlags(s string) (f uint8) {
	for _, c := range s {
		f |= map[rune]uint8{'S': flagSYN, 'A': flagACK, 'F': flagFIN, 'R': flagRST}[c]
	}
	return f
}

func client() netip.AddrPort { return netip.MustParseAddrPort("10.0.0.1:40000") }
func server() netip.AddrPort { return netip.MustParseAddrPort("10.0.0.2:443") }

// tcpPacket builds the IPv4 or IPv6 packet of a segment with absolute numbers.
func tcpPacket(src, dst netip.AddrPort, seq, ack uint32, flags uint8, window uint16, data []byte, more int) []byte {
	t := make([]byte, 20, 20+len(data))
	binary.BigEndian.PutUint16(t[0:], src.Port())
	binary.BigEndian.PutUint16(t[2:], dst.Port())
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint32(t[8:], ack)
	t[12], t[13] = 5<<4, flags
	binary.BigEndian.PutUint16(t[14:], window)
	return ipPacket(src.Addr(), dst.Addr(), protoTCP, append(t, data...), more)
}

// ipPacket wraps an upper-layer packet of which more bytes were not captured.
func ipPacket(src, dst netip.Addr, proto uint8, payload []byte, more int) []byte {
	var h []byte
	if src.Is4() {
		h = make([]byte, 20)
		h[0], h[8], h[9] = 0x45, 64, proto
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)+more))
		copy(h[12:], src.AsSlice())
		copy(h[16:], dst.AsSlice())
	} else {
		h = make([]byte, 40)
		h[0], h[6], h[7] = 0x60, proto, 64
		binary.BigEndian.PutUint16(h[4:], uint16(len(payload)+more))
		copy(h[8:], src.AsSlice())
		copy(h[24:], dst.AsSlice())
	}
	return append(h, payload...)
}

func udpPacket(src, dst netip.AddrPort, data []byte) []byte {
	u := make([]byte, 8, 8+len(data))
	binary.BigEndian.PutUint16(u[0:], src.Port())
	binary.BigEndian.PutUint16(u[2:], dst.Port())
	binary.BigEndian.PutUint16(u[4:], uint16(8+len(data)))
	return ipPacket(src.Addr(), dst.Addr(), protoUDP, append(u, data...), 0)
}

// packets turns a conversation into captured packets, one millisecond apart
// unless said otherwise.
func packets(segs []seg) []*capture.Packet {
	var out []*capture.Packet
	at := start()
	for i, s := range segs {
		src, dst, isn, peer := client(), server(), uint32(isnClient), uint32(isnServer)
		if s.from == ToClient {
			src, dst, isn, peer = dst, src, peer, isn
		}
		ack := uint32(0)
		if strings.Contains(s.flags, "A") {
			ack = peer + s.ack
		}
		window := uint16(1000)
		if s.zero {
			window = 0
		}
		b := tcpPacket(src, dst, isn+s.seq, ack, tcpFlags(s.flags), window, []byte(s.data), s.more)
		at = at.Add(max(s.after, time.Millisecond))
		out = append(out, raw(i+1, at, b, s.more))
		out[i].Direction, out[i].Socket = s.dir, s.socket
	}
	return out
}

func raw(frame int, at time.Time, b []byte, more int) *capture.Packet {
	return &capture.Packet{Time: at, Frame: frame, Link: capture.LinkRaw, Data: b, Length: len(b) + more}
}

// transcript is a stream that writes down what it gets: "> text", "< text",
// "> gap 5", "> finished @frame".
type transcript struct{ lines []string }

func arrow(d Dir) string {
	if d == ToServer {
		return ">"
	}
	return "<"
}

func (t *transcript) Data(d Dir, b []byte, m Mark) { t.add("%s %s @%d", arrow(d), b, m.Frame) }
func (t *transcript) Gap(d Dir, n uint64, m Mark)  { t.add("%s gap %d @%d", arrow(d), n, m.Frame) }
func (t *transcript) End(d Dir, how Ending, m Mark) {
	t.add("%s %s @%d", arrow(d), []string{"finished", "reset", "open"}[how], m.Frame)
}

func (t *transcript) add(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// result is all that a table found.
type result struct {
	conns       []*Conn // in the order they were opened
	streams     []*transcript
	closed      []int
	datagrams   []Datagram
	unreachable []*Unreachable
	table       *Table
}

func newResult() *result {
	r := &result{}
	r.table = NewTable(Options{
		Open: func(c *Conn) Stream {
			r.conns = append(r.conns, c)
			r.streams = append(r.streams, &transcript{})
			return r.streams[len(r.streams)-1]
		},
		Datagram: func(d *Datagram) {
			keep := *d
			keep.Payload = append([]byte(nil), d.Payload...)
			r.datagrams = append(r.datagrams, keep)
		},
		Unreachable: func(u *Unreachable, _ *Conn) { r.unreachable = append(r.unreachable, u) },
		Closed:      func(c *Conn) { r.closed = append(r.closed, c.Stream) },
	})
	return r
}

// follow runs packets through a table and closes it.
func follow(ps []*capture.Packet) *result {
	r := newResult()
	for _, p := range ps {
		r.table.Packet(p)
	}
	r.table.Close()
	return r
}

// single runs a conversation that is expected to be one connection.
func single(t *testing.T, segs []seg) (*Conn, *transcript) {
	t.Helper()
	r := follow(packets(segs))
	if len(r.conns) != 1 {
		t.Fatalf("%d connections, want 1", len(r.conns))
	}
	return r.conns[0], r.streams[0]
}
