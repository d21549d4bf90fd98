package pcapfile

import (
	"bytes"
	"fmt"
	"os"

	"github.com/gopx-trace/gopx-trace/capture"
)

// maxKeyFile bounds the key log file that is read: some 300,000 sessions.
const maxKeyFile = 256 << 20

// keyed yields the secrets of a key log file, then the events of a source.
type keyed struct {
	capture.Source
	path  string
	lines [][]byte
	// found is set with the first secret.
	found bool
}

// WithKeyLog returns a source that yields the secrets of the key log file at
// path (NSS format, as SSLKEYLOGFILE names one) ahead of the events of src.
// Lines that are no secrets are passed over; that all are is told by an event.
// Closing it closes src.
func WithKeyLog(src capture.Source, path string) (capture.Source, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s: %d bytes are too many for a key log file (limit %d)", path, st.Size(), maxKeyFile)
	}
	log, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &keyed{Source: src, path: path, lines: bytes.Split(log, []byte("\n"))}, nil
}

// Next implements [capture.Source].
func (k *keyed) Next() (capture.Event, error) {
	for len(k.lines) > 0 {
		line := k.lines[0]
		k.lines = k.lines[1:]
		if s, ok := capture.ParseSecret(line); ok {
			s.From = "file"
			k.found = true
			return &s, nil
		}
	}
	if !k.found {
		k.found = true
		return &capture.NotSeen{Text: "a TLS secret in the key log " + k.path + ": no line of it is one"}, nil
	}
	return k.Source.Next()
}
