//go:build linux

package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

// rootPEM is a certificate with the subject CN=old root.
const rootPEM = `-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIULhrYeVZFokBN9j4k8rLbVT1cDvgwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIb2xkIHJvb3QwHhcNMjYxMTIzMDE1NDUzWhcNMzYxMTIwMDE1
NDUzWjATMREwDwYDVQQDDAhvbGQgcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABI60kWgsBshKyEgs9BIi1Mhufk+BwYfQj1aTcx+7HozS0iDhz2iKFwtzJ6Ga
KX9/r0xd7G0lbJDqiIWKcanyEvqjUzBRMB0GA1UdDgQWBBTJJzjP4dy1QTJaZD4u
jtaYyDs3jDAfBgNVHSMEGDAWgBTJJzjP4dy1QTJaZD4ujtaYyDs3jDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIENp8TPMzTy5W0HIg+ujrbFb+bmo
Wm6oyzfyd862rIzlAiBxQPRK5kpNMw3qeb7JfUrPo60AidzmFfJdzNz040BKgg==
-----END CERTIFICATE-----
`

func TestRoots(t *testing.T) {
	root := mustTree(t, map[string]string{"own.pem": rootPEM + "text between\n" + rootPEM, "none.pem": "no certificate\n", "dir/a.pem": rootPEM, "empty/x": ""})
	for _, tt := range []struct {
		name, file, dir string
		want            capture.Roots
	}{
		{"a file of one's own", "own.pem", "empty", capture.Roots{From: []string{root + "/own.pem"}, Count: 2, Subjects: []string{"CN=old root", "CN=old root"}}},
		{"a file without any, then a directory", "none.pem", "dir", capture.Roots{From: []string{root + "/none.pem", root + "/dir"}, Count: 1}},
		{"a file that is not there, and nothing else", "gone.pem", "empty", capture.Roots{From: []string{root + "/gone.pem", root + "/empty"}}},
	} {
		got := Reader{Env: []string{"SSL_CERT_FILE=" + root + "/" + tt.file, "SSL_CERT_DIR=" + root + "/" + tt.dir}}.roots()
		if d := cmp.Diff(&tt.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}
