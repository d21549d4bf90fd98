package keylog

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// partial are the suites whose records can be read in parts, with a way to
// seal one under each.
func partial(t *testing.T) map[string]struct {
	o    *Opener
	seal func(seq uint64, plain []byte, padding int) []byte
} {
	all := map[string]struct {
		o    *Opener
		seal func(seq uint64, plain []byte, padding int) []byte
	}{}
	for _, id := range []uint16{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9} {
		test := all[SuiteName(id)]
		if id>>8 == 0x13 {
			test.o = opener13(t, id)
			test.seal = func(seq uint64, plain []byte, padding int) []byte { return seal13(test.o, seq, 23, plain, padding) }
		} else {
			test.o = opener12(t, id)
			test.seal = func(seq uint64, plain []byte, _ int) []byte { return seal12(test.o, seq, 23, plain) }
		}
		all[SuiteName(id)] = test
	}
	return all
}

// Any part of a record that was not opened is what it is when it was, and the
// records after it open.
func TestUnchecked(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	plain := make([]byte, 1<<14)
	for i := range plain {
		plain[i] = byte(random.Uint32())
	}
	for name, test := range partial(t) {
		t.Run(name, func(t *testing.T) {
			if test.o.Unchecked(test.seal(0, plain, 0), 0) != nil {
				t.Error("read before anything was opened")
			}
			if _, _, err := test.o.Open(nil, test.seal(0, nil, 0)); err != nil {
				t.Fatal(err)
			}
			seq := uint64(1)
			for _, length := range []int{0, 1, 15, 16, 17, 1000, len(plain)} {
				want := plain[:length]
				u := test.o.Unchecked(test.seal(seq, want, random.IntN(maxTail)), 0)
				if u == nil || u.Len() != length {
					t.Fatalf("%d bytes: %+v", length, u)
				}
				seq++
				if missing := random.IntN(length + 1); length > missing+maxTail {
					test.o.seq--
					record := test.seal(seq-1, want, 0)
					front, _ := test.o.Uncheckable()
					record = append(record[:front], record[front+missing:]...)
					got := make([]byte, length-missing)
					if u := test.o.Unchecked(record, missing); u == nil || u.Len() != length {
						t.Fatalf("%d of %d bytes missing: %+v", missing, length, u)
					} else if u.ReadAt(got, missing); !bytes.Equal(got, want[missing:]) {
						t.Fatalf("behind %d missing bytes of %d others", missing, length)
					}
					test.o.seq--
					u = test.o.Unchecked(test.seal(seq-1, want, 0), 0)
				}
				for range 50 {
					from := random.IntN(length + 1)
					got := make([]byte, random.IntN(length-from+1))
					u.ReadAt(got, from)
					if !bytes.Equal(got, want[from:from+len(got)]) {
						t.Fatalf("%d bytes from %d of %d differ", len(got), from, length)
					}
				}
				if _, got, err := test.o.Open(nil, test.seal(seq, want, 3)); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("the record behind one of %d bytes: %v", length, err)
				}
				seq++
			}
		})
	}
}

// What need not be application data, or cannot be read in parts, is refused
// and not counted.
func TestUncheckedRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		suite  uint16
		typ    uint8
		plain  string
		cut    int
		padded int
	}{
		{name: "handshake", suite: 0x1301, typ: 22, plain: "ticket"},
		{name: "alert", suite: 0x1303, typ: 21, plain: "\x01\x00"},
		{name: "long padding", suite: 0x1301, typ: 23, plain: "content", padded: maxTail},
		{name: "nothing but padding", suite: 0x1301, typ: 0, padded: 5},
		{name: "CCM", suite: 0x1304, typ: 23, plain: "content"},
		{name: "header only", suite: 0x1301, typ: 23, plain: "content", cut: headerSize},
		{name: "no header", suite: 0x1301, typ: 23, plain: "content", cut: 2},
		{name: "shorter than its tag", suite: 0x1301, typ: 23, plain: "content", cut: headerSize + 15},
		{name: "nothing but a tag", suite: 0x1301, typ: 23, plain: "content", cut: headerSize + 16},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := opener13(t, test.suite)
			if _, _, err := o.Open(nil, seal13(o, 0, 23, nil, 0)); err != nil {
				t.Fatal(err)
			}
			record := seal13(o, 1, test.typ, []byte(test.plain), test.padded)
			if test.cut > 0 {
				record = record[:test.cut]
			}
			if u := o.Unchecked(record, 0); u != nil {
				t.Errorf("read as %d bytes", u.Len())
			}
			if _, _, err := o.Open(nil, seal13(o, 1, 23, nil, 0)); err != nil {
				t.Errorf("the record was counted: %v", err)
			}
		})
	}
	o := opener13(t, 0x1301)
	if _, _, err := o.Open(nil, seal13(o, 0, 23, nil, 0)); err != nil {
		t.Fatal(err)
	}
	if err := o.Update(); err != nil {
		t.Fatal(err)
	}
	if o.Unchecked(seal13(o, 0, 23, []byte("content"), 0), 0) != nil {
		t.Error("read with new keys before anything was opened with them")
	}
}

func TestUncheckedNoAllocation(t *testing.T) {
	for name, test := range partial(t) {
		test.o.proven = true
		record := test.seal(0, make([]byte, 1<<14), 0)
		part := make([]byte, 100)
		n := testing.AllocsPerRun(100, func() {
			test.o.Unchecked(record, 0).ReadAt(part, 5000)
			test.o.seq = 0
		})
		if n > 0 {
			t.Errorf("%s: %v allocations for a record", name, n)
		}
	}
}

// FuzzUnchecked: records of any bytes.
func FuzzUnchecked(f *testing.F) {
	f.Add(uint16(0x1301), seal13(opener13(f, 0x1301), 0, 23, []byte("content"), 2), uint16(0))
	f.Add(uint16(0x1303), []byte{23, 3, 3, 0, 1}, uint16(7))
	f.Add(uint16(0xc02b), seal12(opener12(f, 0xc02b), 0, 23, []byte("content")), uint16(0))
	f.Fuzz(func(t *testing.T, id uint16, record []byte, missing uint16) {
		s, err := parseSuite(id)
		if err != nil || s.cipher.form != aeadForm {
			return
		}
		o := opener12(t, id)
		if id>>8 == 0x13 {
			o = opener13(t, id)
		}
		o.proven = true
		u := o.Unchecked(record, int(missing))
		if u == nil {
			return
		}
		there := u.Len() - int(missing)
		if there < 0 || there > len(record)-o.Overhead()+1 {
			t.Fatalf("%d bytes in a record of %d, %d missing", u.Len(), len(record), missing)
		}
		if there > 0 {
			u.ReadAt(make([]byte, there), int(missing))
			u.ReadAt(make([]byte, there/2), u.Len()-there/2)
		}
	})
}
