package decode

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"io"
	"math/big"
	"strconv"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

const (
	// maxCertificates is how many certificates of one message are read.
	maxCertificates = 64
	// maxSelfKey is the longest RSA modulus, in bits, with which a
	// certificate's own signature is checked.
	maxSelfKey = 8192
)

// certificates adds the chain of a Certificate message, unless there is one
// already.
func (t *tlsLayer) certificates(list *[]*trace.Certificate, typ uint8, body []byte) {
	if len(*list) > 0 {
		return
	}
	if typ == typeCompressedCertificate {
		body = decompressCertificate(body)
	}
	tls13 := t.handshake.server != nil && t.handshake.server.tls13()
	for _, der := range parseCertificates(body, tls13) {
		*list = append(*list, newCertificate(der))
	}
}

// parseCertificates takes the certificates out of the message (RFC 8446,
// section 4.4.2, or RFC 5246, section 7.4.2), as far as it is well-formed.
func parseCertificates(body []byte, tls13 bool) (ders [][]byte) {
	s := cryptobyte.String(body)
	var context, list, der, extensions cryptobyte.String
	if tls13 && !s.ReadUint8LengthPrefixed(&context) || !s.ReadUint24LengthPrefixed(&list) {
		return nil
	}
	for len(ders) < maxCertificates && list.ReadUint24LengthPrefixed(&der) {
		ders = append(ders, der)
		if tls13 && !list.ReadUint16LengthPrefixed(&extensions) {
			break
		}
	}
	return ders
}

// decompressCertificate opens a CompressedCertificate (RFC 8879, section 4) if
// it is compressed with zlib, the only algorithm of the three that the
// standard library has; nil otherwise.
func decompressCertificate(body []byte) []byte {
	const algorithmZlib = 1
	s := cryptobyte.String(body)
	var algorithm uint16
	var size uint32
	var packed cryptobyte.String
	if !s.ReadUint16(&algorithm) || !s.ReadUint24(&size) || !s.ReadUint24LengthPrefixed(&packed) {
		return nil
	}
	if algorithm != algorithmZlib || size > maxMessage {
		return nil
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return nil
	}
	return plain
}

// newCertificate says what a certificate says. Of one that crypto/x509 refuses
// it keeps what can be had.
func newCertificate(der []byte) *trace.Certificate {
	sum := sha256.Sum256(der)
	c := &trace.Certificate{SHA256: hex.EncodeToString(sum[:]), DNSNames: []string{}}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		c.Damaged = err.Error()
		readDamaged(c, der)
		return c
	}
	c.Subject, c.Issuer, c.Serial = x.Subject.String(), x.Issuer.String(), serialText(x.SerialNumber)
	c.NotBefore, c.NotAfter = x.NotBefore.UTC(), x.NotAfter.UTC()
	c.DNSNames = append(c.DNSNames, x.DNSNames...)
	for _, ip := range x.IPAddresses {
		c.IPs = append(c.IPs, ip.String())
	}
	c.CAIssuers = x.IssuingCertificateURL
	c.IsCA = x.BasicConstraintsValid && x.IsCA
	c.SelfSigned = selfSigned(x)
	if !c.SelfSigned { // nobody checks the signature of a root
		c.Weak = weakness(x)
	}
	return c
}

// minRSABits is the shortest RSA key that crypto/tls takes
// ($GOROOT/src/crypto/rsa/rsa.go, checkKeySize).
const minRSABits = 1024

// weakness says what crypto/x509 refuses about a certificate's signature or key
// ($GOROOT/src/crypto/x509/x509.go, checkSignature).
func weakness(x *x509.Certificate) string {
	switch x.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		return "signed with SHA-1"
	case x509.MD2WithRSA, x509.MD5WithRSA:
		return "signed with MD5 or older"
	}
	if key, ok := x.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
		return "an RSA key of " + strconv.Itoa(key.N.BitLen()) + " bits"
	}
	return ""
}

// serialText is a serial number in hexadecimal, lower case, as openssl and
// Wireshark show it.
func serialText(n *big.Int) string { return n.Text(16) }

// selfSigned checks the signature with the certificate's own key.
func selfSigned(x *x509.Certificate) bool {
	if !bytes.Equal(x.RawSubject, x.RawIssuer) {
		return false
	}
	if key, ok := x.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxSelfKey {
		return false
	}
	if x.SignatureAlgorithm == x509.SHA1WithRSA {
		return selfSignedSHA1(x)
	}
	return x.CheckSignature(x.SignatureAlgorithm, x.RawTBSCertificate, x.Signature) == nil
}

// selfSignedSHA1 is for old roots, the signatures of which crypto/x509 does
// not check any more.
func selfSignedSHA1(x *x509.Certificate) bool {
	key, ok := x.PublicKey.(*rsa.PublicKey)
	sum := sha1.Sum(x.RawTBSCertificate)
	return ok && rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], x.Signature) == nil
}

// looseCertificate is the part of RFC 5280, section 4.1, that a report wants,
// with nothing checked that does not have to be.
type looseCertificate struct {
	TBS struct {
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    *big.Int
		Algorithm asn1.RawValue
		Issuer    asn1.RawValue
		Validity  struct{ NotBefore, NotAfter time.Time }
		Subject   asn1.RawValue
	}
}

// readDamaged reads a certificate that is not valid as a whole.
func readDamaged(c *trace.Certificate, der []byte) {
	var loose looseCertificate
	if _, err := asn1.Unmarshal(der, &loose); err != nil {
		return
	}
	c.Serial = serialText(loose.TBS.Serial)
	c.Subject, c.Issuer = distinguishedName(loose.TBS.Subject), distinguishedName(loose.TBS.Issuer)
	c.NotBefore, c.NotAfter = loose.TBS.Validity.NotBefore.UTC(), loose.TBS.Validity.NotAfter.UTC()
}

// distinguishedName formats a distinguished name, or returns "" for one that is malformed.
func distinguishedName(raw asn1.RawValue) string {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw.FullBytes, &sequence); err != nil {
		return ""
	}
	var n pkix.Name
	n.FillFromRDNSequence(&sequence)
	return n.String()
}
