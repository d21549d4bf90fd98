package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

func pcapHeader(f *fileBuilder, magic uint32, minor uint16, link uint32) {
	f.put(magic, uint16(2), minor, uint32(0), uint32(0), uint32(65535), link)
}

func TestPcapForms(t *testing.T) {
	at := func(ns int64) time.Time { return time.Unix(1700000000, ns).UTC() }
	tests := []struct {
		name  string
		write func(f *fileBuilder)
		want  []seen
	}{
		{"microseconds", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 4, 1)
			f.put(uint32(1700000000), uint32(5), uint32(3), uint32(60), "abc")
			f.put(uint32(1700000000), uint32(6), uint32(0), uint32(60))
		}, []seen{{1, 1, "abc", 60, at(5000), 0}, {2, 1, "", 60, at(6000), 0}}},
		{"nanoseconds", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b23c4d, 4, 101)
			f.put(uint32(1700000000), uint32(999999999), uint32(3), uint32(3), "abc")
		}, []seen{{1, 101, "abc", 3, at(999999999), 0}}},
		{"modified", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2cd34, 4, 1)
			f.put(uint32(1700000000), uint32(1), uint32(2), uint32(2), uint32(7), uint32(0), "ab")
			f.put(uint32(1700000000), uint32(2), uint32(1), uint32(2), uint32(7), uint32(0), "c")
		}, []seen{{1, 1, "ab", 2, at(1000), 0}, {2, 1, "c", 2, at(2000), 0}}},
		{"Red Hat 6.1", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 4, 1)
			f.put(uint32(1700000000), uint32(1), uint32(2), uint32(2), uint64(0), "ab")
			f.put(uint32(1700000000), uint32(2), uint32(1), uint32(2), uint64(0), "c")
		}, []seen{{1, 1, "ab", 2, at(1000), 0}, {2, 1, "c", 2, at(2000), 0}}},
		{"Nokia", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 4, 1)
			f.put(uint32(1700000000), uint32(1), uint32(1), uint32(1), uint32(0), "a")
			f.put(uint32(1700000000), uint32(1), uint32(20), uint32(20), uint32(0), strings.Repeat("abcde", 4))
		}, []seen{{1, 1, "a", 1, at(1000), 0}, {2, 1, strings.Repeat("abcde", 4), 20, at(1000), 0}}},
		{"SuSE 6.3", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2cd34, 4, 1)
			f.put(uint32(1700000000), uint32(1), uint32(2), uint32(2), uint64(7), uint32(0x5f2d3600), "ab")
			f.put(uint32(1700000000), uint32(2), uint32(1), uint32(2), uint64(7), uint32(0x5f2d3600), "c")
		}, []seen{{1, 1, "ab", 2, at(1000), 0}, {2, 1, "c", 2, at(2000), 0}}},
		{"version 2.2: lengths the other way round", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 2, 1)
			f.put(uint32(1700000000), uint32(1), uint32(60), uint32(2), "ab")
		}, []seen{{1, 1, "ab", 60, at(1000), 0}}},
		{"version 2.3: lengths either way", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 3, 1)
			f.put(uint32(1700000000), uint32(1), uint32(60), uint32(2), "ab")
			f.put(uint32(1700000000), uint32(1), uint32(2), uint32(60), "ab")
		}, []seen{{1, 1, "ab", 60, at(1000), 0}, {2, 1, "ab", 60, at(1000), 0}}},
		{"original length below the captured", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 4, 1)
			f.put(uint32(1700000000), uint32(1), uint32(3), uint32(1), "abc")
		}, []seen{{1, 1, "abc", 3, at(1000), 0}}},
		{"frame check sequence bits, DLT_RAW", func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 4, 0x54000000|12)
			f.put(uint32(1700000000), uint32(1), uint32(1), uint32(1), "E")
		}, []seen{{1, capture.LinkRaw, "E", 1, at(1000), 0}}},
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

func TestPcapErrors(t *testing.T) {
	le := func(write func(f *fileBuilder)) []byte {
		f := &fileBuilder{AppendByteOrder: binary.LittleEndian}
		write(f)
		return f.b
	}
	tests := []struct {
		name   string
		file   []byte
		is     error
		text   string
		events int
	}{
		{"empty", nil, nil, "empty", 0},
		{"text", []byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"), ErrFormat, "47 45 54 20", 0},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04"), ErrFormat, "as xz files do", 0},
		{"version 3", le(func(f *fileBuilder) { f.put(uint32(0xa1b2c3d4), uint16(3), uint16(0), uint64(0), uint64(0)) }), ErrFormat, "version 3.0", 0},
		{"huge packet", le(func(f *fileBuilder) {
			pcapHeader(f, 0xa1b2c3d4, 4, 1)
			f.put(uint64(0), uint32(1), uint32(1), "a")
			f.put(uint64(0), uint32(1<<31), uint32(1), "a")
		}), nil, "after frame 1, byte 57: packet of 2147483648 bytes", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := readAll(t, tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want one with %q", err, tt.text)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v is not %v", err, tt.is)
			}
			if len(events) != tt.events {
				t.Errorf("%d events, want %d", len(events), tt.events)
			}
		})
	}
}

// TestPcapCutAnywhere cuts a file at every byte: all packets before the cut are
// there, and only a cut at a packet boundary goes unnoticed.
func TestPcapCutAnywhere(t *testing.T) {
	f := &fileBuilder{AppendByteOrder: binary.BigEndian}
	pcapHeader(f, 0xa1b2c3d4, 4, 1)
	ends := map[int]int{len(f.b): 0}
	for i := range 4 {
		f.put(uint64(i), uint32(i), uint32(100), bytes.Repeat([]byte{'x'}, i))
		ends[len(f.b)] = i + 1
	}
	packets := 0
	for n := range len(f.b) + 1 {
		if k, ok := ends[n]; ok {
			packets = k
		}
		events, err := readAll(t, f.b[:n])
		if _, whole := ends[n]; whole {
			wantEOF(t, err)
		} else {
			wantCut(t, err)
		}
		if len(events) != packets {
			t.Fatalf("cut at %d: %d packets, want %d", n, len(events), packets)
		}
	}
}
