package keylog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"
)

// keystream decrypts from any place on.
type keystream interface {
	// xor decrypts src, which is byte off and those after it of a record's
	// ciphertext, into dst. It needs the nonce of the record.
	xor(dst, src []byte, nonce *[nonceSize]byte, off int)
}

// gcmStream is the counter mode inside AES-GCM (NIST SP 800-38D, section 7.2).
type gcmStream struct {
	block cipher.Block
	// Fields, so that none is allocated per record.
	counter, pad [aes.BlockSize]byte
}

const (
	// gcmFirst is the counter of the first block of plaintext; the one before
	// it is for the tag.
	gcmFirst = 2
	// longRun is from how many bytes on the mode of crypto/cipher is worth the
	// allocation that it costs.
	longRun = 512
)

func newGCMStream(key []byte) (keystream, error) {
	b, err := aes.NewCipher(key)
	return &gcmStream{block: b}, err
}

func (s *gcmStream) xor(dst, src []byte, nonce *[nonceSize]byte, off int) {
	copy(s.counter[:], nonce[:])
	n, skip := gcmFirst+uint32(off/aes.BlockSize), off%aes.BlockSize
	for ; len(src) > 0 && (skip > 0 || len(src) < longRun); n++ {
		binary.BigEndian.PutUint32(s.counter[nonceSize:], n)
		s.block.Encrypt(s.pad[:], s.counter[:])
		k := subtle.XORBytes(dst, src, s.pad[skip:])
		dst, src, skip = dst[k:], src[k:], 0
	}
	if len(src) > 0 {
		binary.BigEndian.PutUint32(s.counter[nonceSize:], n)
		cipher.NewCTR(s.block, s.counter[:]).XORKeyStream(dst, src)
	}
}

// chachaStream is the cipher inside ChaCha20-Poly1305 (RFC 8439, section 2.8).
type chachaStream struct {
	key [chacha20.KeySize]byte
}

// chachaBlock is the length of a block; that of number 0 is for the tag.
const chachaBlock = 64

func newChaChaStream(key []byte) (keystream, error) {
	s := &chachaStream{}
	copy(s.key[:], key)
	_, err := chacha20.NewUnauthenticatedCipher(key, make([]byte, chacha20.NonceSize))
	return s, err
}

func (s *chachaStream) xor(dst, src []byte, nonce *[nonceSize]byte, off int) {
	c, err := chacha20.NewUnauthenticatedCipher(s.key[:], nonce[:])
	if err != nil { // only for lengths that these arrays do not have
		return
	}
	c.SetCounter(1 + uint32(off/chachaBlock))
	var skipped [chachaBlock]byte
	c.XORKeyStream(skipped[:off%chachaBlock], skipped[:off%chachaBlock])
	c.XORKeyStream(dst, src)
}
