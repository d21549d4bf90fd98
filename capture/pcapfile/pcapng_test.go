package pcapfile

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

const stamp = 1700000000_000001 // in microseconds

var stampTime = time.Unix(1700000000, 1000).UTC()

func TestPcapngForms(t *testing.T) {
	us := func(d time.Duration) time.Time { return stampTime.Add(d) }
	tests := []struct {
		name  string
		write func(f *fileBuilder)
		want  []seen
	}{
		{"enhanced packets", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.enhanced(0, stamp, "abcde", 99)
			f.enhanced(0, stamp+1, "", 0)
		}, []seen{{1, 1, "abcde", 99, us(0), 0}, {2, 1, "", 0, us(1000), 0}}},
		{"direction", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.enhanced(0, stamp, "a", 1, f.option(1, "a comment"), f.option(2, uint32(0x1f4<<16|2)), f.option(0))
			f.enhanced(0, stamp, "a", 1, f.option(2, uint32(1)))
			f.enhanced(0, stamp, "a", 1, f.option(2, uint32(3)))
			f.enhanced(0, stamp, "a", 1, f.option(0), f.option(2, uint32(1)))
		}, []seen{{1, 1, "a", 1, us(0), capture.Outbound}, {2, 1, "a", 1, us(0), capture.Inbound}, {3, 1, "a", 1, us(0), 0}, {4, 1, "a", 1, us(0), 0}}},
		{"obsolete packets", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.iface(101, 0, f.option(9, uint8(9)))
			f.block(2, uint16(0), uint16(7), uint32(stamp>>32), uint32(stamp&0xffffffff), uint32(2), uint32(3), "ab")
			f.block(2, uint16(1), uint16(0xffff), uint32(0), uint32(1), uint32(2), uint32(3), "cd", uint16(0), f.option(2, uint32(1)))
		}, []seen{{1, 1, "ab", 3, us(0), 0}, {2, 101, "cd", 3, time.Unix(0, 1).UTC(), 1}}},
		{"simple packets", func(f *fileBuilder) {
			f.section()
			f.iface(1, 4)
			f.iface(101, 0)
			f.block(3, uint32(3), "abc")
			f.enhanced(1, stamp, "E", 1)
			f.block(3, uint32(60), "abcd")
		}, []seen{{1, 1, "abc", 3, time.Unix(0, 0).UTC(), 0}, {2, 101, "E", 1, us(0), 0}, {3, 1, "abcd", 60, us(0), 0}}},
		{"interfaces of several sections", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.iface(113, 0)
			f.enhanced(1, stamp, "a", 1)
			f.section()
			f.iface(101, 0, f.option(9, uint8(0)), f.option(14, uint64(1<<64-10)))
			f.enhanced(0, 1700000000, "b", 1)
		}, []seen{{1, 113, "a", 1, us(0), 0}, {2, 101, "b", 1, time.Unix(1699999990, 0).UTC(), 0}}},
		{"blocks that are no frames", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.block(4, uint32(0))
			f.block(5, uint32(0), uint64(0), f.option(4, uint64(9)))
			f.block(10, uint32(0x57474b4c), uint32(3), "abc")
			f.block(7, "reserved")
			f.block(0x80000001, "local use")
			f.enhanced(0, stamp, "a", 1)
		}, []seen{{1, 1, "a", 1, us(0), 0}}},
		{"blocks that Wireshark counts", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			for _, kind := range []uint32{0xbad, 0x40000bad, 9, 0x204, 0x216, 0x221} {
				f.block(kind, make([]byte, 64))
			}
			f.enhanced(0, stamp, "a", 1)
		}, []seen{{7, 1, "a", 1, us(0), 0}}},
		{"block length without the padding", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.put(uint32(6), uint32(33), uint32(0), uint64(0), uint32(1), uint32(1), "a\x00\x00\x00", uint32(33))
			f.enhanced(0, stamp, "b", 1)
		}, []seen{{1, 1, "a", 1, time.Unix(0, 0).UTC(), 0}, {2, 1, "b", 1, us(0), 0}}},
		{"cut options", func(f *fileBuilder) {
			f.section()
			f.iface(1, 0)
			f.enhanced(0, stamp, "a", 1, uint16(2), uint16(400))
		}, []seen{{1, 1, "a", 1, us(0), 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothOrders(t, func(t *testing.T, f *fileBuilder) {
				tt.write(f)
				events, err := readAll(t, f.b)
				wantEOF(t, err)
				if d := cmp.Diff(tt.want, packetsOf(events)); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

func TestPcapngMixedOrders(t *testing.T) {
	l := &fileBuilder{AppendByteOrder: binary.LittleEndian}
	l.section()
	l.iface(1, 0)
	l.enhanced(0, stamp, "little", 6)
	b := &fileBuilder{AppendByteOrder: binary.BigEndian}
	b.section()
	b.iface(101, 0)
	b.enhanced(0, stamp, "big", 3)
	events, err := readAll(t, append(l.b, b.b...))
	wantEOF(t, err)
	want := []seen{{1, 1, "little", 6, stampTime, 0}, {2, 101, "big", 3, stampTime, 0}}
	if d := cmp.Diff(want, packetsOf(events)); d != "" {
		t.Error(d)
	}
}

func TestPcapngErrors(t *testing.T) {
	tests := []struct {
		name  string
		write func(f *fileBuilder)
		text  string
	}{
		{"length below the minimum", func(f *fileBuilder) { f.put(uint32(6), uint32(8), uint32(0), uint32(0)) }, "length 8 is too small"},
		{"length beyond the limit", func(f *fileBuilder) { f.put(uint32(6), uint32(0xfffffff0), make([]byte, 1000)) }, "length 4294967280 is larger than 33554432"},
		{"lengths that differ", func(f *fileBuilder) { f.put(uint32(5), uint32(12), uint32(16)) }, "lengths 12 and 16 differ"},
		{"short interface", func(f *fileBuilder) { f.block(1, uint32(0)) }, "interface description of 4 bytes"},
		{"byte-order magic", func(f *fileBuilder) { f.block(0x0a0d0d0a, uint32(0x12345678), uint32(0), uint64(0)) }, "byte-order magic"},
		{"minor version", func(f *fileBuilder) { f.block(0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(1), uint16(1), uint64(0)) }, "version 1.1"},
		{"version", func(f *fileBuilder) { f.block(0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(2), uint16(1), uint64(0)) }, "version 2.1"},
		{"short section", func(f *fileBuilder) { f.block(0x0a0d0d0a, uint32(0x1a2b3c4d)) }, "section header of 4 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothOrders(t, func(t *testing.T, f *fileBuilder) {
				f.section()
				f.iface(1, 0)
				f.enhanced(0, stamp, "a", 1)
				tt.write(f)
				events, err := readAll(t, f.b)
				if err == nil || !strings.Contains(err.Error(), tt.text) || !strings.HasPrefix(err.Error(), "after frame 1") {
					t.Errorf("error %v, want one after frame 1 with %q", err, tt.text)
				}
				if len(events) != 1 {
					t.Errorf("%d events, want the one before the damage", len(events))
				}
			})
		})
	}
}

// TestDamagedBlocks passes over blocks that make no sense inside, and says so.
func TestDamagedBlocks(t *testing.T) {
	tests := []struct {
		name  string
		write func(f *fileBuilder)
		text  string
	}{
		{"no interface", func(f *fileBuilder) { f.enhanced(7, stamp, "a", 1) }, "interface 7, of 1"},
		{"packet larger than its block", func(f *fileBuilder) {
			f.block(6, uint32(0), uint64(0), uint32(0xfffffff0), uint32(1), "abcd")
		}, "packet of 4294967280 bytes in a block with room for 4"},
		{"simple packet larger than its block", func(f *fileBuilder) { f.block(3, uint32(60), "abcd") }, "room for 4"},
		{"short enhanced packet", func(f *fileBuilder) { f.block(6, uint32(0)) }, "enhanced packet of 4 bytes"},
		{"short packet", func(f *fileBuilder) { f.block(2, uint32(0)) }, "packet of 4 bytes"},
		{"short simple packet", func(f *fileBuilder) { f.block(3) }, "simple packet of 0 bytes"},
		{"short statistics", func(f *fileBuilder) { f.block(5, uint32(0)) }, "statistics of 4 bytes"},
		{"short secrets", func(f *fileBuilder) { f.block(10, uint32(0)) }, "secrets of 4 bytes"},
		{"secrets longer than the block", func(f *fileBuilder) { f.block(10, uint32(0x544c534b), uint32(5), "abcd") }, "length 5 is larger"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothOrders(t, func(t *testing.T, f *fileBuilder) {
				f.section()
				f.iface(1, 0)
				f.enhanced(0, stamp, "a", 1)
				tt.write(f)
				tt.write(f)
				f.enhanced(0, stamp, "b", 1)
				events, err := readAll(t, f.b)
				wantEOF(t, err)
				if len(events) != 3 || events[1].(*capture.Packet).Frame != 2 {
					t.Fatalf("events %v, want two packets and a sentence", events)
				}
				said := events[2].(*capture.NotSeen).Text
				if !strings.HasPrefix(said, "2 block(s)") || !strings.Contains(said, "the first after frame 1") || !strings.Contains(said, tt.text) {
					t.Errorf("said %q, want something about 2 blocks with %q", said, tt.text)
				}
			})
		})
	}
}

// TestDropsOfInterfaces takes the totals of Interface Statistics Blocks as
// losses, each packet once.
func TestDropsOfInterfaces(t *testing.T) {
	bothOrders(t, func(t *testing.T, f *fileBuilder) {
		f.section()
		f.iface(1, 0)
		f.iface(1, 0)
		f.enhanced(0, stamp, "a", 1)
		f.block(5, uint32(0), uint64(0), f.option(4, uint64(100)), f.option(5, uint64(0)))
		f.block(5, uint32(0), uint64(0), f.option(5, uint64(3)), f.option(7, uint64(4)))
		f.block(5, uint32(0), uint64(0), f.option(5, uint64(8)))
		f.block(5, uint32(1), uint64(0), f.option(7, uint64(2)))
		f.block(5, uint32(2), uint64(0), f.option(7, uint64(2)))
		events, err := readAll(t, f.b)
		wantEOF(t, err)
		var got []uint64
		for _, e := range events[1:] {
			got = append(got, e.(*capture.Lost).Packets)
		}
		if d := cmp.Diff([]uint64{7, 1, 2}, got); d != "" {
			t.Error(d)
		}
	})
}

func TestPcapngCutAnywhere(t *testing.T) {
	f := &fileBuilder{AppendByteOrder: binary.LittleEndian}
	f.section()
	first := len(f.b)
	ends := map[int]int{len(f.b): 0}
	f.iface(1, 0)
	ends[len(f.b)] = 0
	for i := range 3 {
		f.enhanced(0, stamp, strings.Repeat("x", i), 1)
		ends[len(f.b)] = i + 1
		f.block(0x80000000, "skipped")
		ends[len(f.b)] = i + 1
	}
	packets := 0
	for n := 1; n <= len(f.b); n++ {
		if k, ok := ends[n]; ok {
			packets = k
		}
		events, err := readAll(t, f.b[:n])
		if _, whole := ends[n]; whole && n >= first {
			wantEOF(t, err)
		} else {
			wantCut(t, err)
		}
		if len(events) != packets {
			t.Fatalf("cut at %d: %d packets, want %d", n, len(events), packets)
		}
	}
}

func TestForeignSecrets(t *testing.T) {
	const log = "# comment\r\n\nCLIENT_RANDOM 0a0B 0C0d\r\nnonsense\nCLIENT_RANDOM 0 1\nA  01\t02\nB 03 04"
	bothOrders(t, func(t *testing.T, f *fileBuilder) {
		f.section()
		f.iface(1, 0)
		f.block(10, uint32(0x544c534b), uint32(len(log)), log)
		f.enhanced(0, stamp, "a", 1)
		f.block(10, uint32(0x544c534b), uint32(6), "C 5 06") // odd number of digits
		f.block(10, uint32(0x544c534b), uint32(7), "C 05 06")
		events, err := readAll(t, f.b)
		wantEOF(t, err)
		want := []capture.Event{
			&capture.Secret{Time: stampTime, Label: "CLIENT_RANDOM", ClientRandom: []byte{10, 11}, Secret: []byte{12, 13}, From: "file"},
			&capture.Secret{Time: stampTime, Label: "A", ClientRandom: []byte{1}, Secret: []byte{2}, From: "file"},
			&capture.Secret{Time: stampTime, Label: "B", ClientRandom: []byte{3}, Secret: []byte{4}, From: "file"},
			&capture.Packet{Time: stampTime, Frame: 1, Link: 1, Data: []byte("a"), Length: 1},
			&capture.Secret{Time: stampTime, Label: "C", ClientRandom: []byte{5}, Secret: []byte{6}, From: "file"},
		}
		if d := cmp.Diff(want, events); d != "" {
			t.Error(d)
		}
	})
}

// TestBoundedMemory reads blocks and packets whose length is a lie, from a
// stream that never ends but could.
func TestBoundedMemory(t *testing.T) {
	f := &fileBuilder{AppendByteOrder: binary.LittleEndian}
	f.section()
	f.iface(1, 0)
	f.put(uint32(6), uint32(maxBlock), make([]byte, 100))
	r, err := NewReader(strings.NewReader(string(f.b)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Next()
	wantCut(t, err)
	if n := len(r.format.(*ngReader).w.buf); n > windowSize {
		t.Errorf("a block of %d bytes of which 100 exist made the buffer grow to %d", maxBlock, n)
	}
}

// TestSkipsHugeBlocks skips an unknown block larger than any buffer.
func TestSkipsHugeBlocks(t *testing.T) {
	const size = 3 * maxBlock
	f := &fileBuilder{AppendByteOrder: binary.LittleEndian}
	f.section()
	f.iface(1, 0)
	f.put(uint32(0x80000000), uint32(size))
	after := &fileBuilder{AppendByteOrder: binary.LittleEndian}
	after.enhanced(0, stamp, "a", 1)
	r, err := NewReader(io.MultiReader(strings.NewReader(string(f.b)), io.LimitReader(zeros{}, size-8), strings.NewReader(string(after.b))))
	if err != nil {
		t.Fatal(err)
	}
	events, err := drain(t, r)
	wantEOF(t, err)
	if len(events) != 1 {
		t.Errorf("%d events, want 1", len(events))
	}
	if n := len(r.format.(*ngReader).w.buf); n > windowSize {
		t.Errorf("the buffer grew to %d", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
