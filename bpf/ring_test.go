//go:build linux

package bpf

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeRing is a ring whose kernel side the test plays.
type fakeRing struct {
	*ring
	t *testing.T
	// reserved is where the next record goes.
	reserved uint64
}

func newFakeRing(t *testing.T, size int) *fakeRing {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC) // never readable, like a quiet ring
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := pollable(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { quiet.Close(); unix.Close(fd) })
	r := &ring{quiet: quiet, consumed: new(uint64), produced: new(uint64), data: make([]byte, 2*size), mask: uint64(size - 1)}
	return &fakeRing{r, t, 0}
}

// put writes a record, with flags, and returns where it is.
func (r *fakeRing) put(b []byte, flags uint32) uint64 {
	r.t.Helper()
	at := r.reserved & r.mask
	r.store(at, uint32(len(b))|flags)
	for i, c := range b {
		r.set(at+recordHeader+uint64(i), c)
	}
	r.reserved += (recordHeader + uint64(len(b)) + 7) &^ 7
	*r.produced = r.reserved
	return at
}

func (r *fakeRing) store(at uint64, head uint32) {
	for i, c := range binary.LittleEndian.AppendUint32(nil, head) {
		r.set(at+uint64(i), c)
	}
}

// set writes both copies of a byte.
func (r *fakeRing) set(at uint64, c byte) {
	half := uint64(len(r.data) / 2)
	r.data[at%half], r.data[at%half+half] = c, c
}

func (r *fakeRing) expect(want string) {
	r.t.Helper()
	if b, err := r.next(testWait); err != nil || string(b) != want {
		r.t.Fatalf("next is %q, %v; want %q", b, err, want)
	}
}

func TestRing(t *testing.T) {
	r := newFakeRing(t, 64)
	// Sizes that make records begin everywhere and wrap around.
	for i := range 40 {
		text := string(slices.Repeat([]byte{byte('a' + i%26)}, 1+i%30))
		r.put([]byte(text), 0)
		r.expect(text)
	}
	r.put([]byte("no"), recordDiscard)
	r.put([]byte("one"), 0)
	r.put([]byte("two"), 0)
	r.expect("one")
	if *r.consumed >= r.position {
		t.Error("a record in hand has been given back")
	}
	r.expect("two")
	if _, err := r.next(testWait); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("empty: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	if *r.consumed != *r.produced {
		t.Errorf("%d of %d consumed", *r.consumed, *r.produced)
	}
}

// A record that is not complete holds up those behind it.
func TestRingBusy(t *testing.T) {
	r := newFakeRing(t, 256)
	at := r.put([]byte("late"), recordBusy)
	r.put([]byte("next"), 0)
	start := time.Now()
	if b, err := r.next(testWait); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("busy: %q, %v", b, err)
	}
	if d := time.Since(start); d < testWait {
		t.Errorf("waited %v, want %v", d, testWait)
	}
	r.store(at, 4)
	r.expect("late")
	r.expect("next")
}

// A record that is longer than any reaches beyond what is mapped.
func TestRingBeyond(t *testing.T) {
	r := newFakeRing(t, 64)
	r.put(make([]byte, 32), 0)
	r.expect(string(make([]byte, 32)))
	r.put(make([]byte, 40), 0)
	r.data = r.data[:64+16]
	if _, err := r.next(testWait); !errors.Is(err, errBadRing) {
		t.Errorf("%v, want %v", err, errBadRing)
	}
	r.data = r.data[:64+24]
	r.expect(string(make([]byte, 40)))
}

func TestRingBad(t *testing.T) {
	r := newFakeRing(t, 64)
	r.put([]byte("x"), 0)
	r.store(0, 1000)
	if _, err := r.next(testWait); !errors.Is(err, errBadRing) {
		t.Errorf("%v, want %v", err, errBadRing)
	}
}
