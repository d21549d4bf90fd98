//go:build linux

package live

import (
	"bytes"
	"encoding/hex"

	"github.com/gopx-trace/gopx-trace/capture"
)

// maxSecret is the longest secret: of SHA-512 suites, should any come.
const maxSecret = 64

// parseKeyLog reads one line of an NSS key log, "LABEL RANDOM SECRET" with both
// values in hexadecimal (draft-ietf-tls-keylogfile, section 2). ok is false for
// comments and for what is no such line. The time is left to the caller.
func parseKeyLog(line []byte) (*capture.Secret, bool) {
	f := bytes.Fields(line)
	if len(f) != 3 || !isLabel(f[0]) {
		return nil, false
	}
	random, err1 := hex.DecodeString(string(f[1]))
	secret, err2 := hex.DecodeString(string(f[2]))
	if err1 != nil || err2 != nil || len(random) != 32 || len(secret) == 0 || len(secret) > maxSecret {
		return nil, false
	}
	return &capture.Secret{Label: string(f[0]), ClientRandom: random, Secret: secret, From: "sslkeylogfile"}, true
}

// isLabel reports whether a word has the form of a label.
func isLabel(b []byte) bool {
	if len(b) == 0 || len(b) > 64 {
		return false
	}
	for _, c := range b {
		if (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) && c != '_' {
			return false
		}
	}
	return true
}
