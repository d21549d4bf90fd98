package flow

import (
	"bytes"
	"slices"
)

// before reports whether sequence number a comes before b, modulo 2^32
// (RFC 9293, section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// span is a run of bytes that was seen ahead of its turn.
type span struct {
	seq uint32 // number of the first byte
	n   int    // bytes on the wire
	b   []byte // those of them that were captured
	at  Mark
	// filled bytes came after their socket was closed: no process got them.
	filled bool
}

func (s span) end() uint32 { return s.seq + uint32(s.n) }

// head returns the first k bytes of s, tail what follows them.
func (s span) head(k int) span {
	s.n, s.b = k, s.b[:min(k, len(s.b))]
	return s
}

func (s span) tail(k int) span {
	s.seq += uint32(k)
	s.n -= k
	s.b = s.b[min(k, len(s.b)):]
	return s
}

// spanCost is what a span is charged for beside its bytes, so that a bound on
// the cost is a bound on memory.
const spanCost = 64

// spans holds spans in order and without overlap: of bytes that were seen
// twice the first ones win. All of them lie within 2^31 of one another.
type spans struct {
	list []span
	cost int
}

// add copies those bytes of x that are not held yet.
func (s *spans) add(x span) {
	i := s.after(x.seq)
	if i > 0 {
		if over := int(int32(s.list[i-1].end() - x.seq)); over >= x.n {
			return
		} else if over > 0 {
			x = x.tail(over)
		}
	}
	for ; i < len(s.list) && before(s.list[i].seq, x.end()); i++ {
		held := s.list[i]
		if free := int(held.seq - x.seq); free > 0 {
			s.insert(i, x.head(free))
			i++
		}
		over := int(int32(held.end() - x.seq))
		if over >= x.n {
			return
		}
		x = x.tail(over)
	}
	s.insert(i, x)
}

// after is the index of the first span that begins after seq. Segments mostly
// come in order, so the search runs from the end.
func (s *spans) after(seq uint32) int {
	i := len(s.list)
	if i > 0 && !before(seq, s.list[i-1].seq) {
		return i
	}
	i, _ = slices.BinarySearchFunc(s.list, seq, func(x span, seq uint32) int {
		if before(seq, x.seq) {
			return 1
		}
		return -1
	})
	return i
}

func (s *spans) insert(i int, x span) {
	x.b = slices.Clone(x.b)
	s.list = slices.Insert(s.list, i, x)
	s.cost += len(x.b) + spanCost
}

// has reports whether byte seq is held.
func (s *spans) has(seq uint32) bool {
	i := s.after(seq)
	return i > 0 && before(seq, s.list[i-1].end())
}

// conflicts reports whether other bytes are held in the place of x.
func (s *spans) conflicts(x span) bool {
	for i := max(0, s.after(x.seq)-1); i < len(s.list) && before(s.list[i].seq, x.end()); i++ {
		held := s.list[i]
		if !before(x.seq, held.end()) {
			continue
		}
		if from := int(int32(x.seq - held.seq)); from >= 0 {
			held = held.tail(from)
		} else {
			x = x.tail(-from)
		}
		n := min(len(held.b), len(x.b))
		if !bytes.Equal(held.b[:n], x.b[:n]) {
			return true
		}
	}
	return false
}

// last is one past the highest byte; s must not be empty.
func (s *spans) last() uint32 { return s.list[len(s.list)-1].end() }

// pop takes the first span out.
func (s *spans) pop() span {
	x := s.list[0]
	s.list[0].b = nil
	s.list = s.list[1:]
	if len(s.list) == 0 {
		s.list = nil
	}
	s.cost -= len(x.b) + spanCost
	return x
}
