package pcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// large is a capture of several pieces, with packets of all sizes and with
// blocks that are larger than a piece.
func large() []byte {
	random := newRandomEvents(5)
	random.packetSize = 60_000
	file := appendInterface(appendSection(nil, ""), capture.LinkRaw)
	for i := range 300 {
		p := random.packet()
		file = appendPacket(file, p, p.Data, 0)
		switch i {
		case 100, 101:
			file = appendSecretsBlock(file, bytes.Repeat([]byte("# no secret\n"), 300_000))
		case 200:
			random.packetSize = 200
		case 290:
			p.Data = random.bytes(3 * windowSize)
			file = appendPacket(file, p, p.Data, 0)
		}
	}
	return file
}

// told is what a source said, in short: events, offsets, the error.
func told(r *Reader) string {
	var said bytes.Buffer
	for {
		e, err := r.Next()
		if err != nil {
			fmt.Fprintln(&said, err)
			return said.String()
		}
		p, ok := e.(*capture.Packet)
		if !ok {
			fmt.Fprintf(&said, "%T\n", e)
			continue
		}
		fmt.Fprintln(&said, p.Frame, p.Time, p.Length, len(p.Data), bytes.Count(p.Data, []byte{1}), r.format.position())
	}
}

// A file that is read ahead says the same as one that is not.
func TestReadAhead(t *testing.T) {
	plain := large()
	files := map[string][]byte{
		"plain": plain, "gzip": compress(t, plain, toGzip), "zstd": compress(t, plain, toZstd),
		"small": plain[:5000], "one window": plain[:windowSize], "two": plain[:2*windowSize], "cut": plain[:len(plain)-7],
	}
	for _, name := range []string{"gzip", "zstd"} {
		files["cut "+name] = files[name][:len(files[name])/2]
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			once, err := NewReader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			ahead, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer ahead.Close()
			if want, got := told(once), told(ahead); got != want {
				t.Errorf("read ahead it is another file: %d and %d bytes told", len(got), len(want))
			}
		})
	}
}

// A file may be closed before its end.
func TestCloseAhead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, to := range []func([]byte) []byte{
		func(b []byte) []byte { return b },
		func(b []byte) []byte { return compress(t, b, toGzip) },
		func(b []byte) []byte { return compress(t, b, toZstd) },
	} {
		if err := os.WriteFile(path, to(large()), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 100} {
			r, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			for range n {
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if _, err := r.Next(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	}
}

// An error of the source arrives behind the bytes before it.
func TestAheadError(t *testing.T) {
	broken := errors.New("broken disk")
	w := newWindow(io.MultiReader(bytes.NewReader(make([]byte, 3*windowSize+5)), &failing{broken}))
	if _, err := w.peek(1); err != nil {
		t.Fatal(err)
	}
	defer w.readAhead()()
	for range 3*windowSize + 5 {
		if _, err := w.take(1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.take(1); !errors.Is(err, broken) || w.offset() != 3*windowSize+5 {
		t.Errorf("%v at %d", err, w.offset())
	}
}

// failing is a source that fails.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
