package pcapfile

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// A key log without a secret is said to be one: mostly it is another file.
func TestWithKeyLog(t *testing.T) {
	line := "CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48) + "\n"
	for name, tt := range map[string]struct {
		log              string
		secrets, notSeen int
	}{
		"secrets":   {"# comment\n" + line + line, 2, 0},
		"comments":  {"# comment\n", 0, 1},
		"empty":     {"", 0, 1},
		"not a log": {"\xd4\xc3\xb2\xa1\x02\x00", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys")
			if err := os.WriteFile(path, []byte(tt.log), 0o600); err != nil {
				t.Fatal(err)
			}
			src, err := WithKeyLog(&Reader{err: io.EOF}, path)
			if err != nil {
				t.Fatal(err)
			}
			secrets, notSeen := 0, 0
			for {
				e, err := src.Next()
				if err != nil {
					break
				}
				switch e.(type) {
				case *capture.Secret:
					secrets++
				case *capture.NotSeen:
					notSeen++
				}
			}
			if secrets != tt.secrets || notSeen != tt.notSeen {
				t.Errorf("%d secrets and %d sentences, want %d and %d", secrets, notSeen, tt.secrets, tt.notSeen)
			}
		})
	}
}
