package keylog

import (
	"bytes"
	"testing"
)

// TestCCM has example 3 of NIST SP 800-38C, the one with a 12-byte nonce.
func TestCCM(t *testing.T) {
	a, err := newCCM(unhex(t, "404142434445464748494a4b4c4d4e4f"), 8)
	if err != nil {
		t.Fatal(err)
	}
	nonce := unhex(t, "101112131415161718191a1b")
	ad := unhex(t, "000102030405060708090a0b0c0d0e0f10111213")
	plain := unhex(t, "202122232425262728292a2b2c2d2e2f3031323334353637")
	sealed := unhex(t, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951")
	if got := a.Seal(nil, nonce, plain, ad); !bytes.Equal(got, sealed) {
		t.Errorf("sealed %x, want %x", got, sealed)
	}
	got, err := a.Open([]byte("before"), nonce, sealed, ad)
	if err != nil || !bytes.Equal(got, append([]byte("before"), plain...)) {
		t.Errorf("opened %x, %v", got, err)
	}
	for i := range sealed {
		sealed[i] ^= 1
		if _, err := a.Open(nil, nonce, sealed, ad); err == nil {
			t.Errorf("byte %d changed, and it opened", i)
		}
		sealed[i] ^= 1
	}
	for _, short := range [][]byte{nil, sealed[:7]} {
		if _, err := a.Open(nil, nonce, short, ad); err == nil {
			t.Errorf("%d bytes opened", len(short))
		}
	}
}

func TestCCMLengths(t *testing.T) {
	a, err := newCCM16(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, ccmNonceSize)
	for n := range 70 {
		plain, ad := bytes.Repeat([]byte{5}, n), bytes.Repeat([]byte{6}, n%20)
		got, err := a.Open(nil, nonce, a.Seal(nil, nonce, plain, ad), ad)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %x, %v", n, got, err)
		}
	}
}
