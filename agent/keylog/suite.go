package keylog

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// SuiteName returns the IANA name of a cipher suite, or its number as 0x%04X
// where the registry has none.
func SuiteName(id uint16) string {
	i, ok := slices.BinarySearchFunc(suiteNames[:], id, func(s suiteName, id uint16) int {
		return cmp.Compare(s.id, id)
	})
	if !ok {
		return fmt.Sprintf("0x%04X", id)
	}
	return suiteNames[i].name
}

// suite is what opening records needs to know of a cipher suite.
type suite struct {
	cipher recordCipher
	// prf is the hash of the TLS 1.2 PRF and of the TLS 1.3 key schedule.
	prf func() hash.Hash
	// mac is the hash of the record MAC; nil for AEAD suites.
	mac func() hash.Hash
}

// parseSuite takes the record protection from the suite's name, which is
// systematic: [TLS_KEYEXCHANGE_WITH_]CIPHER[_HASH].
func parseSuite(id uint16) (suite, error) {
	name := SuiteName(id)
	if id >= 0xCC13 && id <= 0xCC15 { // ChaCha20 of a draft, built in another way
		return suite{}, unsupportedError(name)
	}
	_, protection, ok := strings.Cut(name, "_WITH_")
	if !ok {
		protection = strings.TrimPrefix(name, "TLS_")
	}
	for _, c := range recordCiphers() {
		rest, ok := strings.CutPrefix(protection, c.name)
		if ok && (rest == "" || rest[0] == '_') {
			return c.suite(strings.TrimPrefix(rest, "_"), name)
		}
	}
	return suite{}, unsupportedError(name)
}

// suite joins the cipher and the hash that the suite's name ends with.
func (c recordCipher) suite(hashName, name string) (suite, error) {
	s := suite{cipher: c, prf: sha256.New}
	switch hashName {
	case "SHA384":
		s.prf, s.mac = sha512.New384, sha512.New384
	case "SHA256", "": // the CCM suites of RFC 6655 do not name it
		s.mac = sha256.New
	case "SHA":
		s.mac = sha1.New
	case "MD5":
		s.mac = md5.New
	default:
		return suite{}, unsupportedError(name)
	}
	return s, nil
}

// unsupportedError is the name of a suite whose records cannot be opened.
type unsupportedError string

func (e unsupportedError) Error() string { return "cipher suite not supported: " + string(e) }

// Supported says whether the records of a cipher suite can be opened.
func Supported(id uint16) bool {
	_, err := parseSuite(id)
	return err == nil
}
