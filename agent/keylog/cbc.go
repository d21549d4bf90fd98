package keylog

import (
	"crypto/cipher"
	"crypto/subtle"
	"errors"
)

// ivSetter is a CBC mode whose IV can be replaced, as those of crypto/cipher.
type ivSetter interface {
	cipher.BlockMode
	SetIV([]byte)
}

var (
	errNoIV    = errors.New("block mode does not take a new IV")
	errPadding = errors.New("record has bad padding")
)

// blockProtection is CBC with a MAC (RFC 5246, section 6.2.3.2; RFC 7366).
// Nothing here is constant-time: the peers have long done what they did.
type blockProtection struct {
	mac  recordMAC
	mode ivSetter
	// explicit: the record begins with its IV. Otherwise the IV is the last
	// block of the record before, which the mode remembers.
	explicit       bool
	encryptThenMAC bool
	// loosePadding: SSL 3.0 leaves the padding's content open.
	loosePadding bool
	header       [macHeaderSize]byte
}

func (p *blockProtection) overhead() int {
	n := p.mac.size() + 1
	if p.explicit {
		n += p.mode.BlockSize()
	}
	return n
}

func (p *blockProtection) chained() bool { return !p.explicit }

func (p *blockProtection) open(dst []byte, seq uint64, record []byte) ([]byte, error) {
	body := record[headerSize:]
	if p.encryptThenMAC {
		var err error
		if body, err = p.checked(seq, record, body); err != nil {
			return nil, err
		}
	}
	size := p.mode.BlockSize()
	if p.explicit {
		if len(body) < size {
			return nil, errShort
		}
		p.mode.SetIV(body[:size])
		body = body[size:]
	}
	if len(body) == 0 || len(body)%size != 0 {
		return nil, errShort
	}
	dst = append(dst[:0], body...)
	p.mode.CryptBlocks(dst, dst)
	dst, err := p.unpad(dst)
	if err != nil || p.encryptThenMAC {
		return dst, err
	}
	return p.checked(seq, record, dst)
}

// unpad takes the padding and its length byte off.
func (p *blockProtection) unpad(b []byte) ([]byte, error) {
	n := int(b[len(b)-1]) + 1
	if n > len(b) || p.loosePadding && n > p.mode.BlockSize() {
		return nil, errPadding
	}
	if !p.loosePadding {
		for _, v := range b[len(b)-n:] {
			if int(v) != n-1 {
				return nil, errPadding
			}
		}
	}
	return b[:len(b)-n], nil
}

// checked takes the MAC off the end of b if it is right.
func (p *blockProtection) checked(seq uint64, record, b []byte) ([]byte, error) {
	return checkMAC(p.mac, &p.header, seq, record, b)
}

func checkMAC(m recordMAC, header *[macHeaderSize]byte, seq uint64, record, b []byte) ([]byte, error) {
	n := len(b) - m.size()
	if n < 0 {
		return nil, errShort
	}
	putMACHeader(header, seq, record, n)
	if subtle.ConstantTimeCompare(m.sum(header, b[:n]), b[n:]) != 1 {
		return nil, errAuthentication
	}
	return b[:n], nil
}

// streamProtection is a stream cipher with a MAC, or a MAC alone (RFC 5246,
// section 6.2.3.1).
type streamProtection struct {
	mac recordMAC
	// stream is nil for the NULL cipher.
	stream cipher.Stream
	header [macHeaderSize]byte
}

func (p *streamProtection) overhead() int { return p.mac.size() }

func (p *streamProtection) chained() bool { return p.stream != nil }

func (p *streamProtection) open(dst []byte, seq uint64, record []byte) ([]byte, error) {
	dst = append(dst[:0], record[headerSize:]...)
	if p.stream != nil {
		p.stream.XORKeyStream(dst, dst)
	}
	return checkMAC(p.mac, &p.header, seq, record, dst)
}
