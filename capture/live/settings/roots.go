//go:build linux

package settings

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopx-trace/gopx-trace/capture"
)

const (
	// maxSubjects is how many names of authorities are kept: a store of one's
	// own has a few, that of a system more than a hundred.
	maxSubjects = 16
	// maxRootFiles bounds the files of a directory that are looked into.
	maxRootFiles = 64
)

// rootFiles and rootDirs are where crypto/x509 looks on Linux
// ($GOROOT/src/crypto/x509/root_linux.go).
func rootFiles() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
	}
}

func rootDirs() []string { return []string{"/etc/ssl/certs", "/etc/pki/tls/certs"} }

// roots looks for authorities as loadSystemRoots does: the first file that can
// be read, and the directories; a directory only until it is not empty.
func (r Reader) roots() *capture.Roots {
	files, dirs, own := rootFiles(), rootDirs(), r.getenv("SSL_CERT_FILE")
	if own != "" {
		files = []string{own}
	}
	if v := r.getenv("SSL_CERT_DIR"); v != "" {
		dirs = strings.Split(v, ":")
	}
	found := &capture.Roots{From: []string{}}
	for _, file := range files {
		b := readFile(file)
		if len(b) == 0 && own == "" {
			continue
		}
		found.From = append(found.From, file)
		found.Count = bytes.Count(b, []byte("-----BEGIN CERTIFICATE-----"))
		if own != "" && found.Count <= maxSubjects {
			found.Subjects = subjects(b)
		}
		break
	}
	for _, dir := range dirs {
		if found.Count == 0 {
			found.From = append(found.From, dir)
			found.Count = rootsIn(dir)
		}
	}
	return found
}

// rootsIn counts the certificates of the first files of a directory.
func rootsIn(dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries[:min(len(entries), maxRootFiles)] {
		n += len(subjects(readFile(filepath.Join(dir, e.Name()))))
	}
	return n
}

// subjects are the names of the certificates of a PEM file.
func subjects(b []byte) []string {
	var names []string
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return names
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			names = append(names, c.Subject.String())
		}
	}
}
