package keylog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"

	"golang.org/x/crypto/chacha20poly1305"
)

// form is how a cipher protects a record.
type form uint8

const (
	aeadForm   form = iota
	blockForm       // CBC and a MAC
	streamForm      // RC4 and a MAC
	nullForm        // a MAC only
)

// recordCipher is one way to protect records; lengths in bytes.
type recordCipher struct {
	// name as it stands in the names of cipher suites.
	name string
	form form
	key  int
	// fixed is the part of an AEAD nonce, or the block IV, that TLS 1.2 and
	// earlier take from the key block; explicit is the part in each TLS 1.2 record.
	fixed, explicit int
	aead            func(key []byte) (cipher.AEAD, error)
	// stream is nil for an AEAD that cannot be read in parts.
	stream func(key []byte) (keystream, error)
	block  func(key []byte) (cipher.Block, error)
}

// recordCiphers are the ciphers that can be opened. A name that begins with
// another one stands before it.
func recordCiphers() []recordCipher {
	return []recordCipher{
		{name: "AES_128_GCM", form: aeadForm, key: 16, fixed: 4, explicit: 8, aead: newGCM, stream: newGCMStream},
		{name: "AES_256_GCM", form: aeadForm, key: 32, fixed: 4, explicit: 8, aead: newGCM, stream: newGCMStream},
		{name: "CHACHA20_POLY1305", form: aeadForm, key: 32, fixed: 12, aead: chacha20poly1305.New, stream: newChaChaStream},
		{name: "AES_128_CCM_8", form: aeadForm, key: 16, fixed: 4, explicit: 8, aead: newCCM8},
		{name: "AES_256_CCM_8", form: aeadForm, key: 32, fixed: 4, explicit: 8, aead: newCCM8},
		{name: "AES_128_CCM", form: aeadForm, key: 16, fixed: 4, explicit: 8, aead: newCCM16},
		{name: "AES_256_CCM", form: aeadForm, key: 32, fixed: 4, explicit: 8, aead: newCCM16},
		{name: "AES_128_CBC", form: blockForm, key: 16, fixed: aes.BlockSize, block: aes.NewCipher},
		{name: "AES_256_CBC", form: blockForm, key: 32, fixed: aes.BlockSize, block: aes.NewCipher},
		{name: "3DES_EDE_CBC", form: blockForm, key: 24, fixed: des.BlockSize, block: des.NewTripleDESCipher},
		{name: "RC4_128", form: streamForm, key: 16},
		{name: "NULL", form: nullForm},
	}
}

// keystream is nil, without an error, if the cipher has none.
func (c *recordCipher) keystream(key []byte) (keystream, error) {
	if c.stream == nil {
		return nil, nil
	}
	return c.stream(key)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func newCCM16(key []byte) (cipher.AEAD, error) { return newCCM(key, 16) }

func newCCM8(key []byte) (cipher.AEAD, error) { return newCCM(key, 8) }
