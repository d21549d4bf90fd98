package pcapfile

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// sample is a small recording.
func sample(t testing.TB) []byte {
	t.Helper()
	random := newRandomEvents(21)
	w, path := mustCreate(t, Options{})
	for range 100 {
		mustWrite(t, w, random.next())
	}
	mustClose(t, w)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compress(t testing.TB, b []byte, to func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var out bytes.Buffer
	c := to(&out)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func toGzip(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func toZstd(w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w)
	if err != nil {
		panic(err) // only for options that are wrong
	}
	return z
}

func TestCompressed(t *testing.T) {
	plain := sample(t)
	want, err := readAll(t, plain)
	wantEOF(t, err)
	half := len(plain) / 2
	tests := map[string][]byte{
		"gzip":                             compress(t, plain, toGzip),
		"gzip, two parts":                  append(compress(t, plain[:half], toGzip), compress(t, plain[half:], toGzip)...),
		"zstd":                             compress(t, plain, toZstd),
		"zstd, two parts":                  append(compress(t, plain[:half], toZstd), compress(t, plain[half:], toZstd)...),
		"zstd, with a frame to skip first": append([]byte("\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"), compress(t, plain, toZstd)...),
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(t, file)
			wantEOF(t, err)
			if d := diffEvents(want, got); d != "" {
				t.Error(d)
			}
			for n := 5; n < len(file)-1; n += 397 {
				if got, err := readAll(t, file[:n]); err == io.EOF && len(got) == len(want) {
					t.Fatalf("cut at %d of %d: not noticed", n, len(file))
				} else if len(got) > 0 && diffEvents(want[:len(got)], got) != "" && !isLeftover(got[len(got)-1]) {
					t.Fatalf("cut at %d: wrong events", n)
				}
			}
		})
	}
}

// TestSmallReads reads from a stream that gives one byte at a time, as a pipe may.
func TestSmallReads(t *testing.T) {
	plain := sample(t)
	want, err := readAll(t, plain)
	wantEOF(t, err)
	for name, file := range map[string][]byte{"plain": plain, "gzip": compress(t, plain, toGzip), "zstd": compress(t, plain, toZstd)} {
		r, err := NewReader(iotest.OneByteReader(bytes.NewReader(file)))
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := drain(t, r)
		wantEOF(t, err)
		if d := diffEvents(want, got); d != "" {
			t.Error(name, d)
		}
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no capture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Errorf("error %v, want one with the path", err)
	}
}
