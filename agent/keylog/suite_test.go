package keylog

import (
	"crypto/tls"
	"slices"
	"testing"
)

func TestSuiteNames(t *testing.T) {
	ids := make([]uint16, 0, len(suiteNames))
	for _, s := range suiteNames {
		ids = append(ids, s.id)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("suite names are not in order")
	}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if got := SuiteName(s.ID); got != s.Name {
			t.Errorf("%04x: %s, crypto/tls has %s", s.ID, got, s.Name)
		}
		if !Supported(s.ID) {
			t.Errorf("%s is not supported", s.Name)
		}
	}
	if got := SuiteName(0x0a0a); got != "0x0A0A" {
		t.Errorf("GREASE is named %s", got)
	}
}

func TestParseSuite(t *testing.T) {
	tests := []struct {
		id     uint16
		cipher string // empty if not supported
		prf    int
		mac    int
	}{
		{0x1301, "AES_128_GCM", 32, 32},
		{0x1302, "AES_256_GCM", 48, 48},
		{0x1303, "CHACHA20_POLY1305", 32, 32},
		{0x1305, "AES_128_CCM_8", 32, 32},
		{0xc0a0, "AES_128_CCM_8", 32, 32},
		{0xc09c, "AES_128_CCM", 32, 32},
		{0xc028, "AES_256_CBC", 48, 48},
		{0x0035, "AES_256_CBC", 32, 20},
		{0x000a, "3DES_EDE_CBC", 32, 20},
		{0x0004, "RC4_128", 32, 16},
		{0x003b, "NULL", 32, 32},
		{0xcca8, "CHACHA20_POLY1305", 32, 32},
		{0xcc13, "", 0, 0}, // a draft
		{0x0041, "", 0, 0}, // Camellia
		{0x0003, "", 0, 0}, // RC4_40
		{0x00c6, "", 0, 0}, // SM4
		{0x1307, "", 0, 0}, // AEGIS
		{0xc0b4, "", 0, 0}, // integrity only
		{0x0000, "", 0, 0}, // none
		{0x0a0a, "", 0, 0}, // GREASE
		{0xc103, "", 0, 0}, // GOST
		{0xc051, "", 0, 0}, // ARIA
		{0x0009, "", 0, 0}, // DES
	}
	for _, test := range tests {
		t.Run(SuiteName(test.id), func(t *testing.T) {
			s, err := parseSuite(test.id)
			if test.cipher == "" {
				if err == nil {
					t.Errorf("read as %s", s.cipher.name)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.cipher.name != test.cipher || s.prf().Size() != test.prf || s.mac().Size() != test.mac {
				t.Errorf("%s, PRF of %d, MAC of %d bytes", s.cipher.name, s.prf().Size(), s.mac().Size())
			}
		})
	}
}
