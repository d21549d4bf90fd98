package decode

import "github.com/gopx-trace/gopx-trace/agent/flow"

// held keeps what a stream carried until it is known who reads it: bytes, gaps
// and ends in their order, each with its own mark.
type held struct {
	pieces []piece
	// size is the number of bytes kept.
	size int
}

// piece is one call of a [flow.Stream]: bytes, or a gap of n bytes, or an end.
type piece struct {
	d    flow.Dir
	b    []byte
	gap  uint64
	end  bool
	how  flow.Ending
	mark flow.Mark
}

// data keeps a copy of b.
func (h *held) data(d flow.Dir, b []byte, m flow.Mark) {
	h.size += len(b)
	h.pieces = append(h.pieces, piece{d: d, b: append([]byte(nil), b...), mark: m})
}

// gap keeps a hole; one that follows another makes it longer.
func (h *held) gap(d flow.Dir, n uint64, m flow.Mark) {
	if last := len(h.pieces) - 1; last >= 0 && h.pieces[last].d == d && h.pieces[last].gap > 0 {
		h.pieces[last].gap += n
		return
	}
	h.pieces = append(h.pieces, piece{d: d, gap: n, mark: m})
}

// end keeps the end of a direction.
func (h *held) end(d flow.Dir, how flow.Ending, m flow.Mark) {
	h.pieces = append(h.pieces, piece{d: d, end: true, how: how, mark: m})
}

// forget turns the bytes kept of one direction into one gap.
func (h *held) forget(d flow.Dir) {
	kept := h.pieces[:0]
	var lost piece
	for _, p := range h.pieces {
		if p.d != d || p.end {
			kept = append(kept, p)
			continue
		}
		lost.gap += p.gap + uint64(len(p.b))
		lost.mark = p.mark
		h.size -= len(p.b)
	}
	if lost.gap > 0 {
		lost.d = d
		kept = append(kept, lost)
	}
	h.pieces = kept
}

// replay hands everything to s and forgets it.
func (h *held) replay(s flow.Stream) {
	pieces := h.pieces
	h.pieces, h.size = nil, 0
	for _, p := range pieces {
		switch {
		case p.end:
			s.End(p.d, p.how, p.mark)
		case p.gap > 0:
			s.Gap(p.d, p.gap, p.mark)
		default:
			s.Data(p.d, p.b, p.mark)
		}
	}
}

// drop forgets the first n bytes; they were read.
func (h *held) drop(n int) {
	for n > 0 && len(h.pieces) > 0 {
		p := &h.pieces[0]
		taken := min(n, len(p.b))
		p.b = p.b[taken:]
		n -= taken
		h.size -= taken
		if len(p.b) > 0 {
			return
		}
		h.pieces = h.pieces[1:]
	}
}
