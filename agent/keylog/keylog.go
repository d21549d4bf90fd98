// Package keylog keeps TLS secrets by client random and opens TLS records with
// them.
//
// [Store] holds the secrets of all connections; an [Opener] opens the records
// of one direction of one connection, from SSL 3.0 to TLS 1.3.
package keylog

import (
	"slices"

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

// Limits of a [Store].
const (
	// MaxClients is how many client randoms have secrets kept. Beyond it the
	// oldest go.
	MaxClients = 1 << 18
	// MaxSecret is the longest secret kept, in bytes; those of TLS have 32 or 48.
	MaxSecret = 64
	// MaxHeld is how many bytes all connections together may hold back while
	// they wait for secrets.
	MaxHeld = 64 << 20
)

// Store holds the secrets seen so far. The zero value is not usable; use
// [NewStore]. It is not safe for concurrent use.
type Store struct {
	secrets map[[32]byte]map[string][]byte
	// order are the keys of secrets, the oldest first.
	order [][32]byte
	// waiting are the sessions that wait for a secret, by client random.
	waiting  map[[32]byte][]*waiter
	sessions sessions
	held     int
	// lingering are the connections that have ended and wait, the oldest
	// first, if that is expected.
	lingering  []*lingerer
	lingerCost int
	expecting  bool
}

type waiter struct {
	wake func()
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		secrets:  map[[32]byte]map[string][]byte{},
		waiting:  map[[32]byte][]*waiter{},
		sessions: sessions{origin: map[sessionKey][32]byte{}},
	}
}

// Add keeps a secret and wakes the sessions that wait for one of its client
// random. A secret whose label this package does not use is dropped.
func (s *Store) Add(e *capture.Secret) {
	if len(e.ClientRandom) != 32 || len(e.Secret) > MaxSecret || !known(e.Label) {
		return
	}
	r := [32]byte(e.ClientRandom)
	m := s.secrets[r]
	if m == nil {
		m = map[string][]byte{}
		s.secrets[r] = m
		s.order = append(s.order, r)
		s.forgetOldest()
	}
	m[e.Label] = append([]byte(nil), e.Secret...)
	for _, w := range slices.Clone(s.waiting[r]) {
		w.wake()
	}
}

func known(label string) bool {
	switch label {
	case ClientRandomLabel, ClientEarlyTraffic, ClientHandshake, ServerHandshake, ClientTraffic, ServerTraffic:
		return true
	}
	return false
}

func (s *Store) forgetOldest() {
	if len(s.order) <= MaxClients {
		return
	}
	delete(s.secrets, s.order[0])
	s.order = s.order[1:]
}

// Get returns the secret of that label, or nil.
func (s *Store) Get(random [32]byte, label string) []byte { return s.secrets[random][label] }

// Wait calls wake after each later secret for random, until stop is called.
func (s *Store) Wait(random [32]byte, wake func()) (stop func()) {
	w := &waiter{wake: wake}
	s.waiting[random] = append(s.waiting[random], w)
	return func() {
		left := slices.DeleteFunc(s.waiting[random], func(o *waiter) bool { return o == w })
		if len(left) == 0 {
			delete(s.waiting, random)
			return
		}
		s.waiting[random] = left
	}
}

// Hold asks to hold n more bytes back; false if that would be more than
// [MaxHeld]. Each byte granted must be given back by [Store.Release].
func (s *Store) Hold(n int) bool {
	if s.held+n > MaxHeld {
		return false
	}
	s.held += n
	return true
}

// Release gives n bytes back that [Store.Hold] granted.
func (s *Store) Release(n int) { s.held -= n }
