package keylog

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rc4"
	"hash"
)

// Session is what the record keys of TLS 1.2 and earlier are made of.
type Session struct {
	// Version is the one on the wire, 0x0300 (SSL 3.0) to 0x0303 (TLS 1.2).
	Version, Suite uint16
	// Master is the 48-byte master secret.
	Master                     []byte
	ClientRandom, ServerRandom [32]byte
	// EncryptThenMAC is set when the ServerHello agreed to RFC 7366.
	EncryptThenMAC bool
}

const masterSize = 48

// NewOpener returns the opener of the records that the client (or, if not, the
// server) sends after its ChangeCipherSpec.
func (s Session) NewOpener(client bool) (*Opener, error) {
	if len(s.Master) != masterSize {
		return nil, errSecretLength
	}
	su, err := parseSuite(s.Suite)
	if err != nil {
		return nil, err
	}
	if su.cipher.form == aeadForm && s.Version < versionTLS12 {
		return nil, unsupportedError(SuiteName(s.Suite))
	}
	p, err := s.protection(su, client)
	if err != nil {
		return nil, err
	}
	return &Opener{protection: p}, nil
}

// protection cuts the key block into MAC keys, keys and IVs, each for the
// client and then for the server (RFC 5246, section 6.3).
func (s Session) protection(su suite, client bool) (protection, error) {
	macSize := 0
	if su.cipher.form != aeadForm {
		macSize = su.mac().Size()
	}
	block := s.keyBlock(su.prf, 2*(macSize+su.cipher.key+su.cipher.fixed))
	cut := func(n int) []byte {
		both := block[:2*n]
		block = block[2*n:]
		if client {
			return both[:n]
		}
		return both[n:]
	}
	macKey, key, iv := cut(macSize), cut(su.cipher.key), cut(su.cipher.fixed)
	if su.cipher.form == aeadForm {
		return newAEAD12(su.cipher, key, iv)
	}
	m := s.newMAC(su.mac, macKey)
	if su.cipher.form == blockForm {
		return s.newBlock(su.cipher, m, key, iv)
	}
	if su.cipher.form == nullForm {
		return &streamProtection{mac: m}, nil
	}
	c, err := rc4.NewCipher(key)
	return &streamProtection{mac: m, stream: c}, err
}

func newAEAD12(c recordCipher, key, iv []byte) (protection, error) {
	a, err := c.aead(key)
	if err != nil {
		return nil, err
	}
	stream, err := c.keystream(key)
	if err != nil {
		return nil, err
	}
	p := &aead12{aead: a, stream: stream, explicit: c.explicit}
	copy(p.iv[:], iv)
	return p, nil
}

// recordMAC computes the MAC of a record.
type recordMAC interface {
	// sum is valid until the next call.
	sum(header *[macHeaderSize]byte, content []byte) []byte
	size() int
}

func (s Session) newMAC(h func() hash.Hash, key []byte) recordMAC {
	if s.Version == versionSSL30 {
		return &mac30{hash: h(), key: key}
	}
	return &hashMAC{mac: hmac.New(h, key)}
}

// hashMAC is the MAC of TLS 1.0 to 1.2 (RFC 5246, section 6.2.3.1).
type hashMAC struct {
	mac hash.Hash
	out [64]byte
}

func (m *hashMAC) size() int { return m.mac.Size() }

func (m *hashMAC) sum(header *[macHeaderSize]byte, content []byte) []byte {
	m.mac.Reset()
	m.mac.Write(header[:])
	m.mac.Write(content)
	return m.mac.Sum(m.out[:0])
}

// mac30 is the MAC of SSL 3.0, which leaves the version out (RFC 6101,
// section 5.2.3.1).
type mac30 struct {
	hash hash.Hash
	key  []byte
	out  [64]byte
}

func (m *mac30) size() int { return m.hash.Size() }

func (m *mac30) sum(header *[macHeaderSize]byte, content []byte) []byte {
	padding := 40 // SHA-1
	if m.hash.Size() == 16 {
		padding = 48 // MD5
	}
	m.start(0x36, padding)
	m.hash.Write(header[:9])
	m.hash.Write(header[11:])
	m.hash.Write(content)
	inner := m.hash.Sum(m.out[:0])
	m.start(0x5c, padding)
	m.hash.Write(inner)
	return m.hash.Sum(m.out[:0])
}

func (m *mac30) start(fill byte, padding int) {
	var pad [48]byte
	for i := range pad {
		pad[i] = fill
	}
	m.hash.Reset()
	m.hash.Write(m.key)
	m.hash.Write(pad[:padding])
}

// newBlock returns the CBC protection; TLS 1.1 put an IV into each record.
func (s Session) newBlock(c recordCipher, m recordMAC, key, iv []byte) (protection, error) {
	b, err := c.block(key)
	if err != nil {
		return nil, err
	}
	mode, ok := cipher.NewCBCDecrypter(b, iv).(ivSetter)
	if !ok {
		return nil, errNoIV
	}
	return &blockProtection{
		mac: m, mode: mode, explicit: s.Version >= versionTLS11,
		encryptThenMAC: s.EncryptThenMAC, loosePadding: s.Version == versionSSL30,
	}, nil
}
