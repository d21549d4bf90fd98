package keylog

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"hash"
)

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
func expandLabel(h func() hash.Hash, secret []byte, label string, n int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 4+len(prefix)+len(label))
	info = append(info, byte(n>>8), byte(n), byte(len(prefix)+len(label)))
	info = append(info, prefix+label...)
	info = append(info, 0)
	return hkdf.Expand(h, secret, string(info), n)
}

// keyBlock returns n bytes of key material (RFC 5246, section 6.3; RFC 6101,
// section 6.2.2).
func (s Session) keyBlock(prf func() hash.Hash, n int) []byte {
	seed := make([]byte, 0, 64)
	seed = append(append(seed, s.ServerRandom[:]...), s.ClientRandom[:]...)
	if s.Version == versionSSL30 {
		return keyBlockSSL30(s.Master, seed, n)
	}
	seed = append([]byte("key expansion"), seed...)
	out := make([]byte, n)
	if s.Version >= versionTLS12 {
		expandHash(out, prf, s.Master, seed)
		return out
	}
	half := (len(s.Master) + 1) / 2 // RFC 2246, section 5: the halves share a middle byte
	expandHash(out, md5.New, s.Master[:half], seed)
	other := make([]byte, n)
	expandHash(other, sha1.New, s.Master[len(s.Master)-half:], seed)
	subtle.XORBytes(out, out, other)
	return out
}

// expandHash fills out with P_hash (RFC 5246, section 5).
func expandHash(out []byte, h func() hash.Hash, secret, seed []byte) {
	m := hmac.New(h, secret)
	m.Write(seed)
	a := m.Sum(nil)
	for len(out) > 0 {
		m.Reset()
		m.Write(a)
		m.Write(seed)
		out = out[copy(out, m.Sum(nil)):]
		m.Reset()
		m.Write(a)
		a = m.Sum(a[:0])
	}
}

// keyBlockSSL30 is the derivation of SSL 3.0: the i-th piece is salted with i
// times the i-th letter. Its 26 pieces are far more than any suite needs.
func keyBlockSSL30(master, seed []byte, n int) []byte {
	var out, salt []byte
	for i := 1; len(out) < n && i <= 26; i++ {
		salt = salt[:0]
		for range i {
			salt = append(salt, byte('A'+i-1))
		}
		inner := sha1.New()
		inner.Write(salt)
		inner.Write(master)
		inner.Write(seed)
		outer := md5.New()
		outer.Write(master)
		outer.Write(inner.Sum(nil))
		out = outer.Sum(out)
	}
	return out[:n]
}
