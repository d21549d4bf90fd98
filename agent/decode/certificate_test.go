package decode

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// damage makes a certificate that crypto/x509 refuses: a second subject
// alternative name, which RFC 5280, section 4.2, forbids.
func damage(t testing.TB) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	names := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 0x00}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xbeef), Subject: pkix.Name{CommonName: "odd"},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(1800000000, 0),
		ExtraExtensions: []pkix.Extension{names},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	// The value of the only extension, an empty list, becomes a broken one.
	return bytes.Replace(der, []byte{0x55, 0x1d, 0x11, 0x04, 0x02, 0x30, 0x00}, []byte{0x55, 0x1d, 0x11, 0x04, 0x02, 0x30, 0x07}, 1)
}

func TestDamagedCertificate(t *testing.T) {
	der := damage(t)
	c := newCertificate(der)
	sum := sha256.Sum256(der)
	if c.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("sha256 %s", c.SHA256)
	}
	if c.Damaged == "" {
		t.Fatal("not damaged")
	}
	if c.Subject != "CN=odd" || c.Issuer != "CN=odd" || c.Serial != "beef" {
		t.Errorf("%+v", c)
	}
	if c.NotBefore.Unix() != 1700000000 || c.NotAfter.Unix() != 1800000000 {
		t.Errorf("valid from %v to %v", c.NotBefore, c.NotAfter)
	}
	for n := range der {
		if c := newCertificate(der[:n]); c.Damaged == "" || len(c.SHA256) != 64 {
			t.Errorf("cut at %d: %+v", n, c)
		}
	}
}

// TestSelfSignedSHA1: old roots have signatures that crypto/x509 refuses.
func TestSelfSignedSHA1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SignatureAlgorithm: x509.SHA1WithRSA, PublicKey: key.Public(),
		RawTBSCertificate: []byte("to be signed"), RawSubject: []byte("name"), RawIssuer: []byte("name"),
	}
	sum := sha1.Sum(x.RawTBSCertificate)
	if x.Signature, err = rsa.SignPKCS1v15(rand.Reader, key, 3, sum[:]); err != nil {
		t.Fatal(err)
	}
	if !selfSigned(x) {
		t.Error("self-signed with SHA-1 not recognised")
	}
	x.RawTBSCertificate = []byte("another")
	if selfSigned(x) {
		t.Error("wrong signature accepted")
	}
}

// certificateMessage is a Certificate message with these certificates.
func certificateMessage(tls13 bool, ders ...[]byte) []byte {
	var b cryptobyte.Builder
	if tls13 {
		b.AddUint8(0)
	}
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, der := range ders {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
			if tls13 {
				b.AddUint16(0)
			}
		}
	})
	return b.BytesOrPanic()
}

func TestParseCertificates(t *testing.T) {
	ders := [][]byte{[]byte("leaf"), []byte("intermediate"), []byte("root")}
	for _, tls13 := range []bool{false, true} {
		msg := certificateMessage(tls13, ders...)
		if got := parseCertificates(msg, tls13); !slices.EqualFunc(got, ders, bytes.Equal) {
			t.Errorf("tls13 %v: %q", tls13, got)
		}
	}
	many := slices.Repeat([][]byte{[]byte("x")}, maxCertificates+10)
	if n := len(parseCertificates(certificateMessage(false, many...), false)); n != maxCertificates {
		t.Errorf("%d certificates read, want %d", n, maxCertificates)
	}
}

func TestDecompressCertificate(t *testing.T) {
	plain := bytes.Repeat([]byte("certificate "), 1000)
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	w.Write(plain)
	w.Close()
	message := func(algorithm uint16, size int) []byte {
		var b cryptobyte.Builder
		b.AddUint16(algorithm)
		b.AddUint24(uint32(size))
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(packed.Bytes()) })
		return b.BytesOrPanic()
	}
	if got := decompressCertificate(message(1, len(plain))); !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, want %d", len(got), len(plain))
	}
	if got := decompressCertificate(message(1, 100)); len(got) > 100 {
		t.Errorf("%d bytes of at most 100", len(got))
	}
	for _, b := range [][]byte{message(2, len(plain)), message(1, maxMessage+1), nil, message(1, len(plain))[:40]} {
		if got := decompressCertificate(b); got != nil {
			t.Errorf("%d bytes of a message that cannot be read", len(got))
		}
	}
}

func FuzzCertificate(f *testing.F) {
	cert, _ := testCertificate(f)
	f.Add(cert.Certificate[0])
	f.Add(damage(f))
	f.Add(certificateMessage(true, cert.Certificate[0]))
	f.Add(certificateMessage(false, cert.Certificate[0], damage(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := newCertificate(b)
		if len(c.SHA256) != 64 || c.DNSNames == nil {
			t.Errorf("%+v", c)
		}
		for _, tls13 := range []bool{false, true} {
			total := 0
			for _, der := range parseCertificates(b, tls13) {
				total += len(der)
			}
			if total > len(b) {
				t.Errorf("%d bytes of certificates in %d", total, len(b))
			}
		}
		if n := len(decompressCertificate(b)); n > maxMessage {
			t.Errorf("%d bytes decompressed", n)
		}
	})
}

func TestIssuingCertificateURL(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"http://ca.test/i.cer", "ldap:///CN=i"}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "leaf"},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(1800000000, 0), IssuingCertificateURL: want,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c := newCertificate(der); !slices.Equal(c.CAIssuers, want) {
		t.Errorf("%q, want %q", c.CAIssuers, want)
	}
}
