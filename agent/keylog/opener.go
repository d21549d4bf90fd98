package keylog

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

// Protocol versions as on the wire.
const (
	versionSSL30 = 0x0300
	versionTLS10 = 0x0301
	versionTLS11 = 0x0302
	versionTLS12 = 0x0303
	// Drafts of TLS 1.3 have one of these in the upper byte and their number in
	// the lower.
	draft         = 0x7f
	draftFacebook = 0xfb
	// draftAuthenticatesHeader is the first draft whose records authenticate
	// their header.
	draftAuthenticatesHeader = 25
)

// headerSize is the length of a record header (RFC 8446, section 5.1).
const headerSize = 5

var (
	errSecretLength = errors.New("secret has the wrong length")
	errShort        = errors.New("record too short")
)

// protection opens one record under a sequence number. It appends the
// plaintext to dst[:0].
type protection interface {
	open(dst []byte, seq uint64, record []byte) ([]byte, error)
	// overhead is how many bytes at least a record's fragment is longer than
	// its plaintext.
	overhead() int
	// chained says that a record opens only after the one before it.
	chained() bool
}

// Opener opens the protected records of one direction of one connection. It
// counts the records itself. It is not safe for concurrent use.
type Opener struct {
	protection protection
	seq        uint64

	// TLS 1.3 only: what the next key is made of.
	secret  []byte
	suite   suite
	version uint16

	// proven: a record of application data was opened with the keys at hand.
	proven bool
	// padded: a record of this direction had padding.
	padded bool
	// unchecked is here so that none is allocated per record.
	unchecked Unchecked
}

// NewTraffic returns the opener of records under a TLS 1.3 traffic secret. The
// version matters for drafts only.
func NewTraffic(version, id uint16, secret []byte) (*Opener, error) {
	s, err := parseSuite(id)
	if err != nil {
		return nil, err
	}
	if s.cipher.form != aeadForm {
		return nil, unsupportedError(SuiteName(id))
	}
	if len(secret) != s.prf().Size() {
		return nil, errSecretLength
	}
	o := &Opener{suite: s, version: version, secret: append([]byte(nil), secret...)}
	return o, o.install()
}

// install derives key and IV from the traffic secret (RFC 8446, section 7.3).
func (o *Opener) install() error {
	key, err := expandLabel(o.suite.prf, o.secret, "key", o.suite.cipher.key)
	if err != nil {
		return err
	}
	iv, err := expandLabel(o.suite.prf, o.secret, "iv", nonceSize)
	if err != nil {
		return err
	}
	a, err := o.suite.cipher.aead(key)
	if err != nil {
		return err
	}
	stream, err := o.suite.cipher.keystream(key)
	if err != nil {
		return err
	}
	isDraft := o.version>>8 == draft || o.version>>8 == draftFacebook
	bare := isDraft && o.version&0xff < draftAuthenticatesHeader
	o.protection = &aead13{aead: a, stream: stream, iv: [nonceSize]byte(iv), bareHeader: bare}
	o.seq, o.proven = 0, false
	return nil
}

// Update goes on to the next generation of the traffic secret, after a
// KeyUpdate (RFC 8446, section 7.2). It fails for TLS 1.2 and earlier.
func (o *Opener) Update() error {
	if o.secret == nil {
		return errSecretLength
	}
	next, err := expandLabel(o.suite.prf, o.secret, "traffic upd", len(o.secret))
	if err != nil {
		return err
	}
	o.secret = next
	return o.install()
}

// Next returns an opener of the next generation and leaves o as it is; nil for
// TLS 1.2 and earlier.
func (o *Opener) Next() *Opener {
	n := *o
	if n.Update() != nil {
		return nil
	}
	return &n
}

// Open opens one whole record, header included, and returns its content type
// and plaintext, which it writes over dst[:0] if that has the capacity; dst
// must not overlap record. After an error the sequence number is what it was.
func (o *Opener) Open(dst, record []byte) (typ uint8, plain []byte, err error) {
	return o.OpenAt(0, dst, record)
}

// OpenAt opens a record before which skipped records were not seen. Success
// proves the number right, for the records authenticate themselves.
func (o *Opener) OpenAt(skipped uint64, dst, record []byte) (typ uint8, plain []byte, err error) {
	if len(record) < headerSize {
		return 0, nil, errShort
	}
	plain, err = o.protection.open(dst[:0], o.seq+skipped, record)
	if err != nil {
		return 0, nil, err
	}
	o.seq += skipped + 1
	typ = record[0]
	if o.secret != nil {
		inner := len(plain)
		typ, plain = innerType(plain)
		o.padded = o.padded || inner > len(plain)+1
	}
	o.proven = o.proven || typ == applicationData
	return typ, plain, nil
}

// innerType takes padding and content type off a TLS 1.3 plaintext (RFC 8446,
// section 5.2). A plaintext of nothing but padding has type 0, which is none.
func innerType(plain []byte) (uint8, []byte) {
	for i := len(plain) - 1; i >= 0; i-- {
		if plain[i] != 0 {
			return plain[i], plain[:i]
		}
	}
	return 0, plain[:0]
}

// Skip counts n records that were not opened.
func (o *Opener) Skip(n uint64) { o.seq += n }

// Overhead is how many bytes at least a record, header included, is longer
// than its plaintext.
func (o *Opener) Overhead() int { return headerSize + o.protection.overhead() }

// Chained says that a record opens only after the one before it was opened
// (RC4, CBC of TLS 1.0 and earlier): after a loss nothing more can be read.
func (o *Opener) Chained() bool { return o.protection.chained() }

const nonceSize = 12

// aead13 is the record protection of TLS 1.3 (RFC 8446, section 5.2).
type aead13 struct {
	aead   cipher.AEAD
	stream keystream
	iv     [nonceSize]byte
	// bareHeader: of a draft that does not authenticate the header.
	bareHeader bool
	// Fields, so that none is allocated per record.
	nonce  [nonceSize]byte
	header [headerSize]byte
}

func (p *aead13) overhead() int { return p.aead.Overhead() + 1 }

func (p *aead13) chained() bool { return false }

func (p *aead13) open(dst []byte, seq uint64, record []byte) ([]byte, error) {
	xorSequence(&p.nonce, &p.iv, seq)
	n := copy(p.header[:], record)
	if p.bareHeader {
		n = 0
	}
	return p.aead.Open(dst, p.nonce[:], record[headerSize:], p.header[:n])
}

// xorSequence makes the nonce of RFC 8446, section 5.3 and RFC 7905, section 2.
func xorSequence(nonce, iv *[nonceSize]byte, seq uint64) {
	*nonce = *iv
	tail := nonce[nonceSize-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^seq)
}

// aead12 is the AEAD record protection of TLS 1.2 (RFC 5246, section 6.2.3.3).
type aead12 struct {
	aead   cipher.AEAD
	stream keystream
	iv     [nonceSize]byte
	// explicit is the number of nonce bytes in front of each fragment: 8, or 0
	// where the sequence number takes their place (RFC 7905).
	explicit int
	nonce    [nonceSize]byte
	ad       [macHeaderSize]byte
}

func (p *aead12) overhead() int { return p.explicit + p.aead.Overhead() }

func (p *aead12) chained() bool { return false }

func (p *aead12) open(dst []byte, seq uint64, record []byte) ([]byte, error) {
	body := record[headerSize:]
	if len(body) < p.overhead() {
		return nil, errShort
	}
	p.putNonce(&p.nonce, seq, body)
	putMACHeader(&p.ad, seq, record, len(body)-p.overhead())
	return p.aead.Open(dst, p.nonce[:], body[p.explicit:], p.ad[:])
}

// putNonce writes the nonce of a record (RFC 5288, section 3; RFC 7905, section 2).
func (p *aead12) putNonce(nonce *[nonceSize]byte, seq uint64, body []byte) {
	if p.explicit == 0 {
		xorSequence(nonce, &p.iv, seq)
		return
	}
	*nonce = p.iv
	copy(nonce[nonceSize-p.explicit:], body[:p.explicit])
}

// macHeaderSize is the length of what precedes the content in a MAC.
const macHeaderSize = 13

// putMACHeader writes sequence number, type, version and length (RFC 5246,
// section 6.2.3.1).
func putMACHeader(ad *[macHeaderSize]byte, seq uint64, record []byte, length int) {
	binary.BigEndian.PutUint64(ad[:], seq)
	copy(ad[8:11], record)
	binary.BigEndian.PutUint16(ad[11:], uint16(length))
}
