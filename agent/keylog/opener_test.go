package keylog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// seal13 makes a TLS 1.3 record with the keys of o.
func seal13(o *Opener, seq uint64, typ uint8, plain []byte, padding int) []byte {
	p := o.protection.(*aead13)
	inner := append(append(bytes.Clone(plain), typ), make([]byte, padding)...)
	record := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(record[3:], uint16(len(inner)+p.aead.Overhead()))
	var nonce [nonceSize]byte
	xorSequence(&nonce, &p.iv, seq)
	return p.aead.Seal(record, nonce[:], inner, record[:headerSize])
}

// seal12 makes a TLS 1.2 AEAD record with the keys of o.
func seal12(o *Opener, seq uint64, typ uint8, plain []byte) []byte {
	p := o.protection.(*aead12)
	record := []byte{typ, 3, 3, 0, 0}
	var nonce [nonceSize]byte
	xorSequence(&nonce, &p.iv, seq)
	explicit := bytes.Repeat([]byte{0xe}, p.explicit)
	if p.explicit > 0 {
		nonce = p.iv
		copy(nonce[nonceSize-p.explicit:], explicit)
	}
	var ad [macHeaderSize]byte
	putMACHeader(&ad, seq, record, len(plain))
	record = append(record, explicit...)
	record = p.aead.Seal(record, nonce[:], plain, ad[:])
	binary.BigEndian.PutUint16(record[3:], uint16(len(record)-headerSize))
	return record
}

// opener13 returns an opener of TLS 1.3 with some secret.
func opener13(t testing.TB, id uint16) *Opener {
	t.Helper()
	s, err := parseSuite(id)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewTraffic(0x0304, id, bytes.Repeat([]byte{7}, s.prf().Size()))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func opener12(t testing.TB, id uint16) *Opener {
	t.Helper()
	s := Session{Version: versionTLS12, Suite: id, Master: make([]byte, masterSize)}
	o, err := s.NewOpener(true)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOpen13(t *testing.T) {
	for id := uint16(0x1301); id <= 0x1305; id++ {
		t.Run(SuiteName(id), func(t *testing.T) {
			o := opener13(t, id)
			for seq := range uint64(5) {
				typ, plain, err := o.Open(nil, seal13(o, seq, 22, []byte("plain"), int(seq)*3))
				if err != nil || typ != 22 || string(plain) != "plain" {
					t.Fatalf("record %d: %d %q %v", seq, typ, plain, err)
				}
			}
		})
	}
}

// TestOpenAt: records behind a loss open with their number and no other, and
// counting goes on from there.
func TestOpenAt(t *testing.T) {
	type sealer func(seq uint64) []byte
	o13, o12 := opener13(t, 0x1301), opener12(t, 0xc02b)
	for _, test := range []struct {
		name   string
		opener *Opener
		seal   sealer
	}{
		{"1.3", o13, func(seq uint64) []byte { return seal13(o13, seq, 23, []byte("x"), 0) }},
		{"1.2", o12, func(seq uint64) []byte { return seal12(o12, seq, 23, []byte("x")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.opener
			for _, n := range []uint64{0, 6, 8} {
				if _, _, err := o.OpenAt(n, nil, test.seal(7)); err == nil {
					t.Errorf("record 7 opened as %d", n)
				}
			}
			if _, _, err := o.OpenAt(7, nil, test.seal(7)); err != nil {
				t.Fatal(err)
			}
			o.Skip(2)
			if _, plain, err := o.Open(nil, test.seal(10)); err != nil || string(plain) != "x" {
				t.Errorf("record 10: %q, %v", plain, err)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	o := opener13(t, 0x1302)
	next := o.Next()
	record := seal13(next, 0, 23, []byte("after"), 0)
	if _, _, err := o.Open(nil, record); err == nil {
		t.Error("opened with the old key")
	}
	if err := o.Update(); err != nil {
		t.Fatal(err)
	}
	if _, plain, err := o.Open(nil, record); err != nil || string(plain) != "after" {
		t.Errorf("%q, %v", plain, err)
	}
	if opener12(t, 0xc02b).Next() != nil {
		t.Error("TLS 1.2 has a next key")
	}
}

func TestOpenPadding(t *testing.T) {
	o := opener13(t, 0x1301)
	typ, plain, err := o.Open(nil, seal13(o, 0, 0, nil, 50))
	if err != nil || typ != 0 || len(plain) != 0 {
		t.Errorf("padding only: %d %q %v", typ, plain, err)
	}
}

// TestBadSecrets: what cannot be a secret of the suite is refused.
func TestBadSecrets(t *testing.T) {
	if _, err := NewTraffic(0x0304, 0x1301, make([]byte, 48)); err == nil {
		t.Error("48-byte secret for SHA-256")
	}
	if _, err := NewTraffic(0x0304, 0x002f, make([]byte, 32)); err == nil {
		t.Error("CBC suite in TLS 1.3")
	}
	if _, err := NewTraffic(0x0304, 0x1306, make([]byte, 32)); err == nil {
		t.Error("suite that is not supported")
	}
	if _, err := (Session{Version: versionTLS12, Suite: 0xc02b, Master: make([]byte, 32)}).NewOpener(true); err == nil {
		t.Error("32-byte master secret")
	}
	if _, err := (Session{Version: versionTLS10, Suite: 0xc02b, Master: make([]byte, 48)}).NewOpener(true); err == nil {
		t.Error("AEAD in TLS 1.0")
	}
}

// TestOpenAllocations: opening a record allocates nothing.
func TestOpenAllocations(t *testing.T) {
	for _, id := range []uint16{0x1301, 0x1303, 0x1304} {
		o := opener13(t, id)
		record, dst := seal13(o, 0, 23, make([]byte, 1<<14), 0), make([]byte, 0, 1<<15)
		n := testing.AllocsPerRun(20, func() {
			o.seq = 0
			if _, _, err := o.Open(dst, record); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations per record", SuiteName(id), n)
		}
	}
}

// FuzzOpen opens any bytes as a record of any suite and version.
func FuzzOpen(f *testing.F) {
	o13, o12 := opener13(f, 0x1301), opener12(f, 0xc02b)
	f.Add(uint16(0x1301), uint16(0x0304), false, seal13(o13, 0, 23, []byte("plain"), 3))
	f.Add(uint16(0xc02b), uint16(versionTLS12), false, seal12(o12, 0, 23, []byte("plain")))
	f.Add(uint16(0x002f), uint16(versionTLS11), true, append([]byte{23, 3, 2, 0, 64}, make([]byte, 64)...))
	f.Add(uint16(0x002f), uint16(versionSSL30), false, append([]byte{23, 3, 0, 0, 32}, make([]byte, 32)...))
	f.Add(uint16(0x0005), uint16(versionTLS10), false, append([]byte{23, 3, 1, 0, 20}, make([]byte, 20)...))
	f.Add(uint16(0x0002), uint16(versionTLS12), false, append([]byte{23, 3, 3, 0, 20}, make([]byte, 20)...))
	f.Fuzz(func(t *testing.T, id, version uint16, encryptThenMAC bool, record []byte) {
		s := Session{Version: version, Suite: id, Master: make([]byte, masterSize), EncryptThenMAC: encryptThenMAC}
		openers := []*Opener{}
		if o, err := s.NewOpener(false); err == nil {
			openers = append(openers, o)
		}
		if su, err := parseSuite(id); err == nil {
			if o, err := NewTraffic(version, id, make([]byte, su.prf().Size())); err == nil {
				openers = append(openers, o)
			}
		}
		for _, o := range openers {
			for range 2 {
				if _, plain, err := o.Open(nil, record); err == nil && len(plain)+headerSize > len(record) {
					t.Errorf("%d bytes of a record of %d", len(plain), len(record))
				}
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for _, id := range []uint16{0x1301, 0x1302, 0x1303, 0x1304} {
		for _, size := range []int{1 << 14, 1300} {
			b.Run(fmt.Sprintf("%s/%d", SuiteName(id), size), func(b *testing.B) {
				o := opener13(b, id)
				record, dst := seal13(o, 0, 23, make([]byte, size), 0), make([]byte, 0, 1<<15)
				b.SetBytes(int64(len(record)))
				b.ReportAllocs()
				for b.Loop() {
					o.seq = 0
					if _, _, err := o.Open(dst, record); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
