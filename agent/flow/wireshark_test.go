package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
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

// otherConn makes a packet between ports that no other packet uses.
func otherConn(port uint16) func(time.Time, int) *capture.Packet {
	return func(at time.Time, frame int) *capture.Packet {
		src := netip.AddrPortFrom(client().Addr(), port)
		return raw(frame, at, tcpPacket(src, server(), 7, 0, flagSYN, 100, nil, 0), 0)
	}
}

func TestStreamNumbersAreWiresharks(t *testing.T) {
	c, s := ToServer, ToClient
	for name, segs := range map[string][]seg{
		"SYN again":                              {{from: c, flags: "S"}, {from: c, flags: "S"}, {from: c, flags: "S"}},
		"SYN with another number":                {{from: c, flags: "S"}, {from: c, flags: "S", seq: 9}},
		"SYN again after RST":                    {{from: c, flags: "S"}, {from: s, flags: "RA", ack: 1}, {from: c, flags: "S"}},
		"other SYN after RST":                    {{from: c, flags: "S"}, {from: s, flags: "RA", ack: 1}, {from: c, flags: "S", seq: 5}},
		"SYN again after FIN":                    {{from: c, flags: "S"}, {from: c, flags: "FA", seq: 1, ack: 1}, {from: c, flags: "S"}},
		"SYN-ACK with another number":            {{from: c, flags: "S"}, {from: s, flags: "SA", ack: 1}, {from: s, flags: "SA", seq: 7, ack: 1}},
		"SYN after data, fitting":                {{from: c, flags: "A", seq: 1, ack: 1, data: "x"}, {from: c, flags: "S"}},
		"SYN after data, not fitting":            {{from: c, flags: "A", seq: 9, ack: 1, data: "x"}, {from: c, flags: "S"}},
		"SYN from the other side":                {{from: c, flags: "S"}, {from: s, flags: "S"}},
		"SYN fits what was acknowledged":         {{from: s, flags: "A", seq: 1, ack: 1, data: "x"}, {from: c, flags: "S"}},
		"SYN does not fit what was acknowledged": {{from: s, flags: "A", seq: 1, ack: 9, data: "x"}, {from: c, flags: "S"}},
		"data after RST and a third life": {
			{from: c, flags: "S"}, {from: s, flags: "SA", ack: 1}, {from: s, flags: "RA", seq: 1, ack: 1},
			{from: c, flags: "A", seq: 1, ack: 1, data: "late"}, {from: c, flags: "S", seq: 100},
			{from: s, flags: "SA", seq: 50, ack: 101}, {from: c, flags: "A", seq: 1, ack: 1, data: "old"},
			{from: c, flags: "S", seq: 200},
		},
		"SYN-ACK, then RST, then SYN": {{from: s, flags: "SA", ack: 1}, {from: c, flags: "R", seq: 1}, {from: c, flags: "S"}},
		"SYN-ACK with another number after RST": {
			{from: c, flags: "S"}, {from: s, flags: "RA", seq: 1, ack: 1}, {from: s, flags: "SA", seq: 9, ack: 1},
			{from: c, flags: "A", seq: 1, ack: 10, data: "x"},
		},
		"SYN FIN": {{from: c, flags: "SF"}, {from: c, flags: "SF"}, {from: c, flags: "S", seq: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			ps := packets(segs)
			// A connection of its own at the end shows what the numbers before it used up.
			ps = append(ps, otherConn(50000)(start().Add(time.Minute), len(ps)+1))
			if diff := cmp.Diff(tsharkStreams(t, ps), ourStreams(ps)); diff != "" {
				t.Errorf("frame and tcp.stream (-tshark +ours):\n%s", diff)
			}
		})
	}
}

// icmpPacket is an ICMP port unreachable that quotes the first n bytes of b.
func icmpPacket(from, to netip.Addr, b []byte, n int) []byte {
	return ipPacket(from, to, protoICMP, append([]byte{icmpUnreachable, 3, 0, 0, 0, 0, 0, 0}, b[:n]...), 0)
}

func TestQuotedSegmentsTakeWiresharksNumbers(t *testing.T) {
	syn := tcpPacket(client(), server(), 7, 0, flagSYN, 100, nil, 0)
	for name, quoted := range map[string]int{"8 bytes": 28, "12 bytes": 32, "13 bytes": 33, "14 bytes": 34, "15 bytes": 35, "16 bytes": 36, "all": 40} {
		t.Run(name, func(t *testing.T) {
			ps := []*capture.Packet{
				raw(1, start(), icmpPacket(server().Addr(), client().Addr(), syn, quoted), 0),
				otherConn(50000)(start(), 2),
				raw(3, start(), syn, 0),
				raw(4, start(), icmpPacket(server().Addr(), client().Addr(), syn, quoted), 0),
				otherConn(50001)(start(), 5),
			}
			want := tsharkStreams(t, ps)
			var direct []string // without the ICMP packets themselves
			for _, l := range want {
				if !strings.HasPrefix(l, "1 ") && !strings.HasPrefix(l, "4 ") {
					direct = append(direct, l)
				}
			}
			if diff := cmp.Diff(direct, ourStreams(ps)); diff != "" {
				t.Errorf("frame and tcp.stream (-tshark +ours):\n%s\nall: %v", diff, want)
			}
		})
	}
}
