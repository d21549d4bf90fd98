package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

// writePcap writes packets of one link type as a classic pcap file.
func writePcap(t *testing.T, ps []*capture.Packet) string {
	t.Helper()
	var b bytes.Buffer
	w := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	w([]uint32{0xa1b2c3d4, 4<<16 | 2, 0, 0, 262144, uint32(ps[0].Link)})
	for _, p := range ps {
		w([]uint32{uint32(p.Time.Unix()), uint32(p.Time.Nanosecond() / 1000), uint32(len(p.Data)), uint32(p.Length)})
		b.Write(p.Data)
	}
	name := filepath.Join(t.TempDir(), "test.pcap")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// tsharkStreams returns tshark's "frame stream" lines; the first stream where
// a frame has several TCP headers.
func tsharkStreams(t *testing.T, ps []*capture.Packet) []string {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	out, err := exec.Command(tshark, "-n", "-r", writePcap(t, ps), "-T", "fields",
		"-e", "frame.number", "-e", "tcp.stream", "-E", "occurrence=f", "-Y", "tcp").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), "\t", " ")), "\n")
}

// ourStreams runs packets through a table, asking it after each one which
// stream that belonged to.
func ourStreams(ps []*capture.Packet) []string {
	table := NewTable(Options{})
	var lines []string
	for _, p := range ps {
		table.Packet(p)
		c := table.recent.Front()
		if c != nil && c.Value.(*connection).lastFrame == p.Frame {
			lines = append(lines, fmt.Sprint(p.Frame, c.Value.(*connection).Stream))
		}
	}
	return lines
}

// onPort moves a conversation to another client port.
func onPort(ps []*capture.Packet, port uint16) []*capture.Packet {
	for _, p := range ps {
		at := 20 // source port
		if binary.BigEndian.Uint16(p.Data[at:]) != client().Port() {
			at += 2
		}
		binary.BigEndian.PutUint16(p.Data[at:], port)
	}
	return ps
}

// inOrder numbers packets, a millisecond apart.
func inOrder(ps []*capture.Packet) []*capture.Packet {
	for i, p := range ps {
		p.Frame, p.Time = i+1, start().Add(time.Duration(i)*time.Millisecond)
	}
	return ps
}

func TestStreamNumbersAreWiresharks(t *testing.T) {
	c, s := ToServer, ToClient
	var ps []*capture.Packet
	for i, segs := range [][]seg{
		{{from: c, flags: "S"}, {from: c, flags: "S"}, {from: c, flags: "S"}},
		{{from: c, flags: "S"}, {from: c, flags: "S", seq: 9}},
		{{from: c, flags: "S"}, {from: s, flags: "RA", ack: 1}, {from: c, flags: "S"}},
		{{from: c, flags: "S"}, {from: s, flags: "RA", ack: 1}, {from: c, flags: "S", seq: 5}},
		{{from: c, flags: "S"}, {from: c, flags: "FA", seq: 1, ack: 1}, {from: c, flags: "S"}},
		{{from: c, flags: "S"}, {from: s, flags: "SA", ack: 1}, {from: s, flags: "SA", seq: 7, ack: 1}},
		// A SYN after data fits it or does not.
		{{from: c, flags: "A", seq: 1, ack: 1, data: "x"}, {from: c, flags: "S"}},
		{{from: c, flags: "A", seq: 9, ack: 1, data: "x"}, {from: c, flags: "S"}},
		{{from: s, flags: "A", seq: 1, ack: 1, data: "x"}, {from: c, flags: "S"}},
		{{from: s, flags: "A", seq: 1, ack: 9, data: "x"}, {from: c, flags: "S"}},
		{{from: c, flags: "S"}, {from: s, flags: "S"}},
		{{from: c, flags: "S"}, {from: s, flags: "SA", ack: 1}, {from: s, flags: "RA", seq: 1, ack: 1},
			{from: c, flags: "A", seq: 1, ack: 1, data: "late"}, {from: c, flags: "S", seq: 100},
			{from: s, flags: "SA", seq: 50, ack: 101}, {from: c, flags: "A", seq: 1, ack: 1, data: "old"},
			{from: c, flags: "S", seq: 200}},
		{{from: s, flags: "SA", ack: 1}, {from: c, flags: "R", seq: 1}, {from: c, flags: "S"}},
		{{from: c, flags: "S"}, {from: s, flags: "RA", seq: 1, ack: 1}, {from: s, flags: "SA", seq: 9, ack: 1},
			{from: c, flags: "A", seq: 1, ack: 10, data: "x"}},
		{{from: c, flags: "SF"}, {from: c, flags: "SF"}, {from: c, flags: "S", seq: 3}},
	} {
		ps = append(ps, onPort(packets(segs), uint16(50000+i))...)
	}
	inOrder(ps)
	if diff := cmp.Diff(tsharkStreams(t, ps), ourStreams(ps)); diff != "" {
		t.Errorf("frame and tcp.stream (-tshark +ours):\n%s", diff)
	}
}

// icmpPacket is an ICMP port unreachable that quotes the first n bytes of b.
func icmpPacket(from, to netip.Addr, b []byte, n int) []byte {
	return ipPacket(from, to, protoICMP, append([]byte{icmpUnreachable, 3, 0, 0, 0, 0, 0, 0}, b[:n]...), 0)
}

// TestQuotedSegmentsTakeWiresharksNumbers has, for several lengths of the
// quote, an ICMP error that comes before its connection and one that comes
// after it, and another connection after each.
func TestQuotedSegmentsTakeWiresharksNumbers(t *testing.T) {
	var ps []*capture.Packet
	icmp := map[string]bool{}
	for i, quoted := range []int{8, 12, 15, 16, 20} {
		syn := func(n int) []byte {
			return tcpPacket(netip.AddrPortFrom(client().Addr(), uint16(50000+10*i+n)), server(), 7, 0, flagSYN, 100, nil, 0)
		}
		quote := icmpPacket(server().Addr(), client().Addr(), syn(0), 20+quoted)
		for _, b := range [][]byte{quote, syn(1), syn(0), quote, syn(2)} {
			ps = append(ps, raw(0, start(), b, 0))
			icmp[fmt.Sprint(len(ps))] = b[9] == protoICMP
		}
	}
	inOrder(ps)
	want := slices.DeleteFunc(tsharkStreams(t, ps), func(line string) bool {
		frame, _, _ := strings.Cut(line, " ")
		return icmp[frame]
	})
	if diff := cmp.Diff(want, ourStreams(ps)); diff != "" {
		t.Errorf("frame and tcp.stream (-tshark +ours):\n%s", diff)
	}
}
