package pcapfile

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// benchPackets is a packet of that many bytes as a live run has them.
func benchPacket(size int) *capture.Packet {
	return &capture.Packet{Time: time.Unix(1700000000, 0), Link: capture.LinkRaw, Data: make([]byte, size), Length: size,
		Direction: capture.Inbound, Socket: 0x1234567, PID: 4321, Comm: "go"}
}

// BenchmarkWrite records packets of 1500 bytes and of 64 KiB, as GSO makes them.
func BenchmarkWrite(b *testing.B) {
	for name, size := range map[string]int{"1500": 1500, "64K": 65535} {
		b.Run(name, func(b *testing.B) { benchmarkWrite(b, size, Options{}) })
	}
}

// BenchmarkWriteMaxBytes records into a file that is all the time at its limit.
func BenchmarkWriteMaxBytes(b *testing.B) {
	benchmarkWrite(b, 1500, Options{MaxBytes: 64 << 20})
}

func benchmarkWrite(b *testing.B, size int, o Options) {
	path := filepath.Join(b.TempDir(), "f")
	w, err := Create(path, o)
	if err != nil {
		b.Fatal(err)
	}
	p := benchPacket(size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		p.Time = p.Time.Add(100 * time.Microsecond)
		if err := w.Write(p); err != nil {
			b.Fatal(err)
		}
		if o.MaxBytes == 0 && w.off > 1<<30 { // start again, so that the disk is not filled
			b.StopTimer()
			w.Close()
			if w, err = Create(path, o); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	os.Remove(path)
}

// BenchmarkRead reads packets of 1500 bytes from memory.
func BenchmarkRead(b *testing.B) {
	file := appendInterface(appendSection(nil, ""), capture.LinkRaw)
	p := benchPacket(1500)
	const packets = 10000
	for range packets {
		file = appendPacket(file, p, p.Data, 0)
	}
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, err = r.Next()
		}
		if err != io.EOF || n-1 != packets {
			b.Fatal(n, err)
		}
	}
}
