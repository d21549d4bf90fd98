// Package keylog keeps TLS secrets by client random and opens TLS records with
// them.
package keylog

import (
	"github.com/gopx-trace/gopx-trace/capture"
)

// Labels of an NSS key log that this package uses
// (draft-ietf-tls-keylogfile, section 3).
const (
	ClientRandomLabel  = "CLIENT_RANDOM" // TLS 1.2 and earlier: the master secret
	ClientEarlyTraffic = "CLIENT_EARLY_TRAFFIC_SECRET"
	ClientHandshake    = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	ServerHandshake    = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	ClientTraffic      = "CLIENT_TRAFFIC_SECRET_0"
	ServerTraffic      = "SERVER_TRAFFIC_SECRET_0"
)

// Store holds the secrets seen so far. The zero value is not usable; use [NewStore].
type Store struct {
	secrets map[[32]byte]map[string][]byte
	// waiting are the sessions that wait for a secret, by client random.
	waiting map[[32]byte][]func()
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{secrets: map[[32]byte]map[string][]byte{}, waiting: map[[32]byte][]func(){}}
}

// Add keeps a secret and wakes the sessions that wait for one of its client random.
func (s *Store) Add(e *capture.Secret) {
	if len(e.ClientRandom) != 32 {
		return
	}
	r := [32]byte(e.ClientRandom)
	m := s.secrets[r]
	if m == nil {
		m = map[string][]byte{}
		s.secrets[r] = m
	}
	m[e.Label] = append([]byte(nil), e.Secret...)
	for _, wake := range s.waiting[r] {
		wake()
	}
}

// Get returns the secret of that label, or nil.
func (s *Store) Get(random [32]byte, label string) []byte { return s.secrets[random][label] }

// Wait calls wake after each later secret for random, until stop is called.
// wake must not call Wait or stop.
func (s *Store) Wait(random [32]byte, wake func()) {
	s.waiting[random] = append(s.waiting[random], wake)
}

// Done forgets who waits for random.
func (s *Store) Done(random [32]byte) { delete(s.waiting, random) }
