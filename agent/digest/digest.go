// Package digest computes the SHA-256 of many bodies at a time, on a goroutine
// of its own: hashing is a third of the work on a large capture file, and the
// one part that nothing else waits for.
//
// A digest depends on the bytes alone, so that the results are the same
// whenever they are computed.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// Bounds on what was written and is not hashed yet.
const (
	// batchSize is how many bytes are handed over at a time: a handover costs
	// some microseconds.
	batchSize = 256 << 10
	// batchSteps bounds the calls in a batch, of which many may be for bodies of
	// a few bytes.
	batchSteps = 4096
	// batches is how many there are. Whoever fills the last one waits.
	batches = 8
)

// Sum is the digest of one body. The zero value is that of no bytes.
type Sum struct{ state hash.Hash }

// Sums computes digests. Its methods are for one goroutine. A nil one computes
// them at once; the zero value starts its goroutine with the first bytes.
type Sums struct {
	filling     *batch
	full, empty chan *batch
	made        int
	finished    chan struct{}
}

// batch is what is handed over.
type batch struct {
	bytes []byte
	steps []step
}

// step is one call: the next n bytes of the batch belong to sum. At the end of
// the body, into is where the digest goes.
type step struct {
	sum  *Sum
	n    int
	into *string
}

// Write adds bytes to a digest. It copies b.
func (s *Sums) Write(sum *Sum, b []byte) {
	if s == nil {
		sum.write(b, nil)
		return
	}
	for len(b) > 0 {
		f := s.room()
		n := min(len(b), batchSize-len(f.bytes))
		f.bytes = append(f.bytes, b[:n]...)
		if last := len(f.steps) - 1; last >= 0 && f.steps[last].sum == sum && f.steps[last].into == nil {
			f.steps[last].n += n
		} else {
			f.steps = append(f.steps, step{sum: sum, n: n})
		}
		b = b[n:]
	}
}

// Finish ends a digest, of which no more may be written. Its hexadecimal form
// goes into a string that nobody may look at before [Sums.Close] has returned.
func (s *Sums) Finish(sum *Sum, into *string) {
	if s == nil {
		*into = sum.hex()
		return
	}
	f := s.room()
	f.steps = append(f.steps, step{sum: sum, into: into})
}

// Close waits until every digest is where it belongs, and ends the goroutine.
func (s *Sums) Close() {
	if s == nil || s.full == nil {
		return
	}
	s.full <- s.filling
	close(s.full)
	<-s.finished
	*s = Sums{}
}

// room returns a batch that is not full.
func (s *Sums) room() *batch {
	switch f := s.filling; {
	case s.full == nil:
		s.full, s.empty = make(chan *batch, batches), make(chan *batch, batches)
		s.finished = make(chan struct{})
		go work(s.full, s.empty, s.finished)
	case len(f.bytes) < batchSize && len(f.steps) < batchSteps:
		return f
	default:
		s.full <- f
	}
	s.filling = s.next()
	return s.filling
}

// next returns an empty batch. There are as many as are needed to keep both
// sides busy, up to a bound.
func (s *Sums) next() *batch {
	select {
	case b := <-s.empty:
		return b
	default:
	}
	if s.made < batches {
		s.made++
		return &batch{}
	}
	return <-s.empty
}

// work hashes what comes, in order.
func work(full <-chan *batch, empty chan<- *batch, finished chan<- struct{}) {
	var idle []hash.Hash
	for b := range full {
		rest := b.bytes
		for _, x := range b.steps {
			idle = x.do(rest[:x.n], idle)
			rest = rest[x.n:]
		}
		clear(b.steps) // they keep alive what they point to
		b.bytes, b.steps = b.bytes[:0], b.steps[:0]
		empty <- b
	}
	close(finished)
}

// do hashes b, with an idle state where the body has none yet, and returns the
// states that are idle then.
func (x step) do(b []byte, idle []hash.Hash) []hash.Hash {
	idle = x.sum.write(b, idle)
	if x.into == nil {
		return idle
	}
	*x.into = x.sum.hex()
	x.sum.state.Reset()
	idle = append(idle, x.sum.state)
	x.sum.state = nil
	return idle
}

// write hashes b. It takes a state out of idle if it needs one.
func (m *Sum) write(b []byte, idle []hash.Hash) []hash.Hash {
	if last := len(idle) - 1; m.state == nil && last >= 0 {
		m.state, idle = idle[last], idle[:last]
	}
	if m.state == nil {
		m.state = sha256.New()
	}
	m.state.Write(b)
	return idle
}

// hex is the digest so far.
func (m *Sum) hex() string {
	if m.state == nil {
		m.state = sha256.New()
	}
	var sum [sha256.Size]byte
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], m.state.Sum(sum[:0]))
	return string(text[:])
}
