package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"time"
)

// caValidity is how long the lab's certificates are valid from now.
const caValidity = 30 * 24 * time.Hour

// intermediateURL is where the hosts' certificates say that their issuer's
// certificate is (RFC 5280, section 4.2.2.1). Nothing is there: no client of
// the lab follows it.
const intermediateURL = "http://ca.test/intermediate.cer"

// serialBits is the size of certificate serial numbers; RFC 5280 section
// 4.1.2.2 allows 20 octets.
const serialBits = 120

// issuer is a certificate and the key that signs with it.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authority is the lab's public key infrastructure: a root that the client
// trusts, an intermediate that signs the hosts' certificates, and a second
// root that nobody trusts.
type authority struct {
	root, intermediate, stranger, inspector *issuer
	hostKey                                 *ecdsa.PrivateKey // of all hosts
}

// makeAuthority makes the keys and writes the root for the client.
func (l *Lab) makeAuthority() error {
	a, err := newAuthority()
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	l.authority = a
	trusted := a.root
	if l.setup.OldRoot {
		if trusted, err = newIssuer(rootName, nil); err != nil {
			return err
		}
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.cert.Raw})
	return os.WriteFile(l.caFile(), text, 0o644)
}

// caFile is the PEM file with the lab's root certificate.
func (l *Lab) caFile() string { return l.path("ca.pem") }

// rootName is the common name of the root that the client trusts.
const rootName = "gopx-trace lab root"

// inspectorName is how a product that opens TLS names its authority, as it is
// installed by default.
const inspectorName = "Zscaler Intermediate Root CA (zscaler.net)"

// newAuthority makes the issuers and the hosts' key.
func newAuthority() (*authority, error) {
	a := new(authority)
	var errs [5]error
	a.root, errs[0] = newIssuer(rootName, nil)
	a.stranger, errs[1] = newIssuer("gopx-trace lab stranger root", nil)
	a.hostKey, errs[2] = newKey()
	a.inspector, errs[3] = newIssuer(inspectorName, nil)
	if err := errors.Join(errs[:4]...); err != nil {
		return nil, err
	}
	a.intermediate, errs[4] = newIssuer("gopx-trace lab intermediate", a.root)
	return a, errs[4]
}

// newKey makes a P-256 key, quick to make and accepted by every TLS library.
func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// pemKey is an issuer's key in PEM.
func pemKey(by *issuer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(by.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// newIssuer makes a certificate authority, signed by parent or by itself.
func newIssuer(name string, parent *issuer) (*issuer, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(name)
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	made := &issuer{key: key}
	if parent == nil {
		parent = &issuer{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		return nil, err
	}
	made.cert, err = x509.ParseCertificate(der)
	return made, err
}

// newTemplate is what all of the lab's certificates have.
func newTemplate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"gopx-trace lab"}, CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(caValidity),
	}, nil
}

// certificate makes what a host presents. Each host has a certificate of its
// own, with its names in it: GnuTLS refuses a wildcard directly below .test.
func (a *authority) certificate(host string, addrs []netip.Addr, kind Certificate) (tls.Certificate, error) {
	template, err := newTemplate(host)
	if err != nil {
		return tls.Certificate{}, err
	}
	template.DNSNames = []string{host}
	for _, addr := range addrs {
		template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	const day = 24 * time.Hour
	by, chain := a.intermediate, [][]byte{a.intermediate.cert.Raw}
	switch kind {
	case Expired:
		template.NotBefore, template.NotAfter = time.Now().Add(-2*day), time.Now().Add(-day)
	case NotYetValid:
		template.NotBefore = time.Now().Add(day)
	case WrongName:
		template.Subject.CommonName = "other.test"
		template.DNSNames, template.IPAddresses = []string{"other.test"}, nil
	case UnknownCA:
		by, chain = a.stranger, nil
	case SelfSigned:
		by, chain = &issuer{cert: template, key: a.hostKey}, nil
	case LeafOnly:
		chain = nil
	case Intercepted:
		by, chain = a.inspector, [][]byte{a.inspector.cert.Raw}
	case SHA1Signed:
		by, chain, template.SignatureAlgorithm = a.root, nil, x509.ECDSAWithSHA1
	}
	if by == a.intermediate {
		template.IssuingCertificateURL = []string{intermediateURL}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &a.hostKey.PublicKey, by.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: append([][]byte{der}, chain...), PrivateKey: a.hostKey}, nil
}
