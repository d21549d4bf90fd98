package keylog

import "slices"

// MaxLinger is how many bytes connections that have ended may still hold back
// together. Beyond it the oldest stop waiting.
const MaxLinger = 8 << 20

// lingerer is a connection that has ended and still waits for its secrets.
type lingerer struct {
	cost   int
	giveUp func()
}

// Expect says that a secret may come after the end of the connection that it
// belongs to, as when it is read from a key log file that another process
// writes. Ended connections then wait until [Store.Close].
func (s *Store) Expect() { s.expecting = true }

// Close says that no secret comes any more: who still waits gives up.
func (s *Store) Close() {
	s.expecting = false
	for len(s.lingering) > 0 {
		s.dismiss()
	}
}

// Linger lets a connection that has ended wait on, with cost bytes held back;
// giveUp ends that. It returns nil if it should give up at once.
func (s *Store) Linger(cost int, giveUp func()) (stop func()) {
	if !s.expecting {
		return nil
	}
	l := &lingerer{cost: cost, giveUp: giveUp}
	s.lingering = append(s.lingering, l)
	s.lingerCost += cost
	for s.lingerCost > MaxLinger && s.lingering[0] != l {
		s.dismiss()
	}
	return func() { s.forget(l) }
}

// dismiss makes the oldest give up.
func (s *Store) dismiss() {
	l := s.lingering[0]
	s.forget(l)
	l.giveUp()
}

// forget takes l off the list.
func (s *Store) forget(l *lingerer) {
	if i := slices.Index(s.lingering, l); i >= 0 {
		s.lingering = slices.Delete(s.lingering, i, i+1)
		s.lingerCost -= l.cost
	}
}
