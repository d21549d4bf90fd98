package keylog

// applicationData is a content type (RFC 8446, section 5.1).
const applicationData = 23

// Unchecked is a record of application data that is not authenticated, so that
// any part of its plaintext can be read without the rest.
type Unchecked struct {
	stream keystream
	nonce  [nonceSize]byte
	// sealed is the ciphertext without its tag, but for missing bytes in front;
	// length is that of the whole plaintext.
	sealed  []byte
	missing int
	length  int
	tail    [maxTail]byte
}

const (
	// maxTail is how much of the end of a TLS 1.3 record is searched for its
	// content type, in bytes. A longer padding is rare.
	maxTail = 16
	// MinEnd is how many bytes at the end of a record are always needed: where
	// the content type is, and the longest tag.
	MinEnd = maxTail + 16
)

// Uncheckable says whether records can be read unchecked, and how many bytes at
// the start of each that takes, header included. It is false until a record of
// application data was opened with the keys at hand, and for ciphers that need
// all of a record.
func (o *Opener) Uncheckable() (front int, ok bool) {
	p, ok := o.protection.(divisible)
	if !ok || !o.proven || !p.divides() {
		return 0, false
	}
	return headerSize + p.front(), true
}

// Padded says whether a record had padding. Where one has, others may have so
// much of it that their end does not tell what they carry.
func (o *Opener) Padded() bool { return o.padded }

// Unchecked returns the plaintext of a record, header included, without opening
// it, and counts the record as opened. Missing bytes may be left out of it
// behind those of [Opener.Uncheckable], with at least [MinEnd] following. It
// returns nil, and counts nothing, if it cannot or if the end of the record does
// not show that it carries application data. Nothing proves that this one is
// genuine, nor that none was lost before it: that the caller has to know. The
// result is valid until the next call, and while record is.
func (o *Opener) Unchecked(record []byte, missing int) *Unchecked {
	front, ok := o.Uncheckable()
	if !ok || len(record) < front || record[0] != applicationData {
		return nil
	}
	p := o.protection.(divisible)
	u := &o.unchecked
	sealed := len(record) - front - p.tag()
	if sealed < min(missing, maxTail) {
		return nil
	}
	u.sealed, u.missing, u.length = record[front:front+sealed], missing, sealed+missing
	u.stream = p.divide(&u.nonce, o.seq, record)
	if o.secret != nil && !u.trim() {
		return nil
	}
	o.seq++
	return u
}

// Len is the length of the plaintext in bytes.
func (u *Unchecked) Len() int { return u.length }

// ReadAt fills dst with the plaintext from byte off on, which must lie within
// it and behind what is missing.
func (u *Unchecked) ReadAt(dst []byte, off int) {
	at := off - u.missing
	u.stream.xor(dst, u.sealed[at:at+len(dst)], &u.nonce, off)
}

// trim takes padding and content type off, and says whether the type is
// application data.
func (u *Unchecked) trim() bool {
	n := min(maxTail, len(u.sealed))
	u.ReadAt(u.tail[:n], u.length-n)
	typ, rest := innerType(u.tail[:n])
	u.length += len(rest) - n
	return typ == applicationData
}

// divisible is a protection whose records may be readable in parts.
type divisible interface {
	divides() bool
	// front is how many bytes of a fragment precede the ciphertext, tag how many
	// follow it.
	front() int
	tag() int
	// divide returns the cipher of a record and writes its nonce.
	divide(nonce *[nonceSize]byte, seq uint64, record []byte) keystream
}

func (p *aead13) divides() bool { return p.stream != nil }

func (p *aead13) front() int { return 0 }

func (p *aead13) tag() int { return p.aead.Overhead() }

func (p *aead13) divide(nonce *[nonceSize]byte, seq uint64, _ []byte) keystream {
	xorSequence(nonce, &p.iv, seq)
	return p.stream
}

func (p *aead12) divides() bool { return p.stream != nil }

func (p *aead12) front() int { return p.explicit }

func (p *aead12) tag() int { return p.aead.Overhead() }

func (p *aead12) divide(nonce *[nonceSize]byte, seq uint64, record []byte) keystream {
	p.putNonce(nonce, seq, record[headerSize:])
	return p.stream
}
