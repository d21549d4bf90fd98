package keylog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExpandLabel has the traffic keys of RFC 8448, section 3.
func TestExpandLabel(t *testing.T) {
	tests := []struct{ name, secret, key, iv string }{
		{"server handshake", "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
			"3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"},
		{"client application", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
			"17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			secret := unhex(t, test.secret)
			for label, want := range map[string]string{"key": test.key, "iv": test.iv} {
				got, err := expandLabel(sha256.New, secret, label, len(want)/2)
				if err != nil || hex.EncodeToString(got) != want {
					t.Errorf("%s %x, %v, want %s", label, got, err, want)
				}
			}
		})
	}
}

// TestExpandHash has the vector for the TLS 1.2 PRF with SHA-256 that was
// published on the TLS working group's list.
func TestExpandHash(t *testing.T) {
	seed := append([]byte("test label"), unhex(t, "a0ba9f936cda311827a6f796ffd5198c")...)
	want := unhex(t, "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af"+
		"0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66")
	got := make([]byte, len(want))
	expandHash(got, sha256.New, unhex(t, "9bbe436ba940f017b17652849a71db35"), seed)
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestKeyBlock: the schedule of each version is its own, and a longer key
// block begins with the shorter one.
func TestKeyBlock(t *testing.T) {
	s := Session{Master: bytes.Repeat([]byte{1}, masterSize)}
	seen := map[string]uint16{}
	for _, version := range []uint16{versionSSL30, versionTLS10, versionTLS12} {
		s.Version = version
		long, short := s.keyBlock(sha256.New, 200), s.keyBlock(sha256.New, 40)
		if !bytes.Equal(long[:40], short) {
			t.Errorf("%04x: key blocks differ", version)
		}
		if other, ok := seen[string(short)]; ok {
			t.Errorf("%04x and %04x have the same key block", version, other)
		}
		seen[string(short)] = version
	}
}
