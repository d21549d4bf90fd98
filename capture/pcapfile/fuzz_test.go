package pcapfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// seeds are small files of every form.
func seeds(tb testing.TB) [][]byte {
	var all [][]byte
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f := &fileBuilder{AppendByteOrder: order}
		pcapHeader(f, 0xa1b2c3d4, 4, 1)
		f.put(uint64(1), uint32(3), uint32(60), "abc")
		all = append(all, f.b)
		f = &fileBuilder{AppendByteOrder: order}
		pcapHeader(f, 0xa1b2cd34, 3, 1)
		f.put(uint64(1), uint32(60), uint32(3), uint64(0), "abc")
		all = append(all, f.b)
		f = &fileBuilder{AppendByteOrder: order}
		f.section()
		f.iface(1, 96, f.option(9, uint8(0x8a)), f.option(14, uint64(5)), f.option(0))
		f.block(10, uint32(0x544c534b), uint32(12), "L 0102 0304\n")
		f.enhanced(0, stamp, "abcde", 99, f.option(1, "go[1]"), f.option(2, uint32(1)), f.option(0))
		f.block(3, uint32(4), "abcd")
		f.block(2, uint16(0), uint16(0), uint64(9), uint32(2), uint32(2), "ab")
		f.block(0xbad, uint32(1), "custom")
		f.block(5, uint32(0), uint64(0), f.option(4, uint64(9)))
		all = append(all, f.b)
	}
	recording := sample(tb)
	recording = recording[:min(len(recording), 8<<10)]
	return append(all, recording, compress(tb, all[0], toGzip), compress(tb, all[2], toZstd))
}

// FuzzReader reads anything: no panic, packets in sequence, and what a file has
// of events stays the same when its end is missing.
func FuzzReader(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		defer r.Close()
		frame := 0
		for {
			e, err := r.Next()
			if err != nil {
				return
			}
			if year := e.When().Year(); year < 1 || year > 10000 {
				t.Fatalf("event in the year %d: %+v", year, e)
			}
			p, ok := e.(*capture.Packet)
			if !ok {
				continue
			}
			if p.Frame <= frame {
				t.Fatalf("frame %d after %d", p.Frame, frame)
			}
			frame = p.Frame
			if p.Length < len(p.Data) || len(p.Data) > maxBlock || p.Direction > capture.Outbound {
				t.Fatalf("packet %+v", p)
			}
		}
	})
}

// FuzzCopy records what it reads, and reads it again: the same.
func FuzzCopy(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	path := filepath.Join(f.TempDir(), "copy")
	f.Fuzz(func(t *testing.T, file []byte) {
		events, _ := readAll(t, file)
		w, err := Create(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var want []capture.Event
		for _, e := range events {
			if !fits(e) {
				continue
			}
			if p, ok := e.(*capture.Packet); ok { // the copy is numbered anew
				p.Frame = 1 + len(packetsOf(want))
			}
			want = append(want, e)
			mustWrite(t, w, e)
		}
		mustClose(t, w)
		if d := diffEvents(want, mustRead(t, path)); d != "" {
			t.Fatal(d)
		}
		os.Remove(path)
	})
}

// fits tells whether a packet is within what pcapng can say of it; all other
// events are.
func fits(e capture.Event) bool {
	p, ok := e.(*capture.Packet)
	return !ok || len(p.Data) <= maxPacket && len(p.Comm) <= maxName && p.Length < 1<<32 &&
		p.Time.Unix() >= 0 && p.Time.Unix() < 18446744073 && p.Link == registered(p.Link)
}

// FuzzSecret parses a line of a key log and writes it again.
func FuzzSecret(f *testing.F) {
	f.Add([]byte("CLIENT_RANDOM 0102 0304"))
	f.Add([]byte("# comment"))
	f.Fuzz(func(t *testing.T, line []byte) {
		s, ok := capture.ParseSecret(line)
		if !ok {
			return
		}
		b, ok := appendSecret(nil, &s)
		if !ok {
			return
		}
		again, ok := capture.ParseSecret(b)
		if !ok || again.Label != s.Label || !bytes.Equal(again.ClientRandom, s.ClientRandom) || !bytes.Equal(again.Secret, s.Secret) {
			t.Fatalf("%q became %q", line, b)
		}
	})
}
