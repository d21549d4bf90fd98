package keylog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// ccm opens AES-CCM (RFC 3610) with the 12-byte nonces of TLS (RFC 6655), so
// that a message's length takes three bytes of a block.
type ccm struct {
	block cipher.Block
	tag   int
	// Blocks of the message at hand; fields, so that none is allocated per record.
	counter, mac, stream [aes.BlockSize]byte
}

const ccmNonceSize = 12

var errAuthentication = errors.New("record does not authenticate")

func newCCM(key []byte, tag int) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &ccm{block: b, tag: tag}, nil
}

// NonceSize implements [cipher.AEAD].
func (c *ccm) NonceSize() int { return ccmNonceSize }

// Overhead implements [cipher.AEAD].
func (c *ccm) Overhead() int { return c.tag }

// Seal implements [cipher.AEAD].
func (c *ccm) Seal(dst, nonce, plain, ad []byte) []byte {
	n := len(dst)
	tag := c.authenticate(nonce, plain, ad)
	dst = append(dst, plain...)
	c.crypt(nonce, dst[n:], tag)
	return append(dst, tag...)
}

// Open implements [cipher.AEAD].
func (c *ccm) Open(dst, nonce, sealed, ad []byte) ([]byte, error) {
	if len(sealed) < c.tag || len(nonce) != ccmNonceSize {
		return nil, errAuthentication
	}
	n := len(dst)
	body, tag := sealed[:len(sealed)-c.tag], sealed[len(sealed)-c.tag:]
	dst = append(dst, body...)
	var got [aes.BlockSize]byte
	copy(got[:], tag)
	c.crypt(nonce, dst[n:], got[:c.tag])
	if subtle.ConstantTimeCompare(got[:c.tag], c.authenticate(nonce, dst[n:], ad)) != 1 {
		return nil, errAuthentication
	}
	return dst, nil
}

// authenticate returns the tag before its encryption (RFC 3610, section 2.2);
// it is valid until the next call.
func (c *ccm) authenticate(nonce, plain, ad []byte) []byte {
	flags := byte((c.tag-2)/2)<<3 | (aes.BlockSize - 1 - ccmNonceSize - 1)
	if len(ad) > 0 {
		flags |= 1 << 6
	}
	c.mac[0] = flags
	copy(c.mac[1:], nonce)
	c.mac[13], c.mac[14], c.mac[15] = byte(len(plain)>>16), byte(len(plain)>>8), byte(len(plain))
	c.block.Encrypt(c.mac[:], c.mac[:])
	if len(ad) > 0 {
		var prefix [2]byte
		binary.BigEndian.PutUint16(prefix[:], uint16(len(ad)))
		c.pad(c.absorb(c.absorb(0, prefix[:]), ad))
	}
	c.pad(c.absorb(0, plain))
	return c.mac[:c.tag]
}

// absorb adds b to the MAC block, of which at bytes are filled, and returns
// how many are filled then.
func (c *ccm) absorb(at int, b []byte) int {
	for len(b) > 0 {
		n := subtle.XORBytes(c.mac[at:], c.mac[at:], b)
		b, at = b[n:], at+n
		if at == len(c.mac) {
			c.block.Encrypt(c.mac[:], c.mac[:])
			at = 0
		}
	}
	return at
}

// pad completes a block that is filled in part.
func (c *ccm) pad(at int) {
	if at > 0 {
		c.block.Encrypt(c.mac[:], c.mac[:])
	}
}

// crypt is counter mode: block 0 for the tag, those from 1 on for the message
// (RFC 3610, section 2.3).
func (c *ccm) crypt(nonce, message, tag []byte) {
	clear(c.counter[:])
	c.counter[0] = aes.BlockSize - 1 - ccmNonceSize - 1
	copy(c.counter[1:], nonce)
	c.block.Encrypt(c.stream[:], c.counter[:])
	subtle.XORBytes(tag, tag, c.stream[:len(tag)])
	for i := uint32(1); len(message) > 0; i++ {
		c.counter[13], c.counter[14], c.counter[15] = byte(i>>16), byte(i>>8), byte(i)
		c.block.Encrypt(c.stream[:], c.counter[:])
		message = message[subtle.XORBytes(message, message, c.stream[:]):]
	}
}
