package lab

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"

	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"
)

// sumDB is a checksum database of the lab's modules
// (https://go.dev/ref/mod#checksum-database), signed with a key of its own.
type sumDB struct {
	http.Handler
	// verifier is the key as GOSUMDB has it: name+hash+key.
	verifier string
}

// newSumDB makes a database with a new key. A module gets its record when it
// is first looked up, as in the public database.
func newSumDB(c *catalog) (*sumDB, error) {
	signer, verifier, err := note.GenerateKey(rand.Reader, SumDBHost)
	if err != nil {
		return nil, fmt.Errorf("checksum database: %w", err)
	}
	lines := func(path, version string) ([]byte, error) {
		r := c.find(path, version)
		if r == nil {
			// The server turns this type, not a wrapped one, into a 404.
			return nil, &fs.PathError{Op: "lookup", Path: path + "@" + version, Err: fs.ErrNotExist}
		}
		return r.sumLines()
	}
	return &sumDB{Handler: sumdb.NewServer(sumdb.NewTestServer(signer, lines)), verifier: verifier}, nil
}

// gosumdb is the client's GOSUMDB.
func (l *Lab) gosumdb() string {
	if l.setup.GOSUMDBWithURL {
		return l.sums.verifier + " https://" + SumDBHost
	}
	return l.sums.verifier
}
