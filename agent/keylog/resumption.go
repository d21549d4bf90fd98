package keylog

import "crypto/sha256"

// MaxSessions is how many session ids and tickets of TLS 1.2 and earlier are
// remembered. Beyond it the oldest go.
const MaxSessions = 1 << 16

// sessionKey is the hash of a session id or ticket, which are up to 64 KiB long.
type sessionKey [sha256.Size]byte

// sessions remembers which handshake a session came from. A resumed session
// has the master secret of the first handshake, and crypto/tls does not log it
// again.
type sessions struct {
	// origin is the client random of the handshake that made the session.
	origin map[sessionKey][32]byte
	// order are the keys of origin, the oldest first.
	order []sessionKey
}

// Remember notes that the session of this id or ticket has the master secret
// logged for random. An empty id is no session.
func (s *Store) Remember(id []byte, random [32]byte) {
	if len(id) == 0 {
		return
	}
	k := sessionKey(sha256.Sum256(id))
	if _, ok := s.sessions.origin[k]; !ok {
		s.sessions.order = append(s.sessions.order, k)
	}
	s.sessions.origin[k] = random
	if len(s.sessions.order) > MaxSessions {
		delete(s.sessions.origin, s.sessions.order[0])
		s.sessions.order = s.sessions.order[1:]
	}
}

// Origin returns the client random under which the master secret of a resumed
// session was logged.
func (s *Store) Origin(id []byte) (random [32]byte, ok bool) {
	if len(id) == 0 {
		return random, false
	}
	random, ok = s.sessions.origin[sha256.Sum256(id)]
	return random, ok
}
