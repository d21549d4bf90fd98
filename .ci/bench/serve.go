//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// serve is the module proxy, a process of its own so that its CPU time is
// nobody else's: GOPROXY protocol over TLS 1.3 and HTTP/2, all from memory.
// It prints its address when it is ready and ends when its input does.
func serve(args []string) error {
	var s moduleSet
	f := flag.NewFlagSet(roleServe, flag.ContinueOnError)
	listen := f.String("listen", "", "address and port")
	ca := f.String("ca", "", "file to write the certificate to")
	f.IntVar(&s.Count, "count", 0, "modules")
	f.IntVar(&s.Bytes, "bytes", 0, "bytes of each")
	if err := f.Parse(args); err != nil {
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	cert, err := certificate(l.Addr().(*net.TCPAddr).IP, *ca)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:   proxy(files),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13},
	}
	go server.ServeTLS(l, "", "") // ends with the process
	fmt.Println(l.Addr())
	return hold()
}

// hold waits for the end of the input: until whoever started us is gone.
func hold() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// proxy serves files from memory.
type proxy map[string][]byte

// ServeHTTP implements [http.Handler].
func (p proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := p[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType(r.URL.Path))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client's business
}

// certificate makes a certificate for an address, signed by itself, and writes
// it to a file for the client to trust.
func certificate(ip net.IP, file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{ip},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(file, text, 0o644)
}
