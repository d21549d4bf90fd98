package decode

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"testing"
)

func TestWeakness(t *testing.T) {
	short := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 767), E: 65537}
	long := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}
	for _, c := range []struct {
		cert x509.Certificate
		want string
	}{
		{x509.Certificate{SignatureAlgorithm: x509.SHA1WithRSA, PublicKey: long}, "signed with SHA-1"},
		{x509.Certificate{SignatureAlgorithm: x509.MD5WithRSA, PublicKey: long}, "signed with MD5 or older"},
		{x509.Certificate{SignatureAlgorithm: x509.SHA256WithRSA, PublicKey: short}, "an RSA key of 768 bits"},
		{x509.Certificate{SignatureAlgorithm: x509.SHA256WithRSA, PublicKey: long}, ""},
	} {
		if got := weakness(&c.cert); got != c.want {
			t.Errorf("%v: %q, want %q", c.cert.SignatureAlgorithm, got, c.want)
		}
	}
}

// Of a root nobody checks the signature.
func TestWeakRootIsNone(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), SignatureAlgorithm: x509.ECDSAWithSHA256}
	der, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c := newCertificate(der); !c.SelfSigned || c.Weak != "" {
		t.Errorf("self-signed %v, weak %q", c.SelfSigned, c.Weak)
	}
}
