//go:build linux

package live

import "github.com/gopx-trace/gopx-trace/capture"

// maxSecret is the longest secret: of SHA-512 suites, should any come.
const maxSecret = 64

// parseKeyLog reads a line that a TLS library wrote, which may be half a line
// of something else: only what has the form of a secret of TLS 1.2 or 1.3 is one.
func parseKeyLog(line []byte) (*capture.Secret, bool) {
	s, ok := capture.ParseSecret(line)
	if !ok || !isLabel(s.Label) || len(s.ClientRandom) != 32 || len(s.Secret) == 0 || len(s.Secret) > maxSecret {
		return nil, false
	}
	s.From = "sslkeylogfile"
	return &s, true
}

// isLabel reports whether a word has the form of a label.
func isLabel(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) && c != '_' {
			return false
		}
	}
	return true
}
