package flow

import "time"

// Bounds on bytes that are kept because bytes before them are missing.
const (
	// maxHeld is per direction of a connection, in bytes with [spanCost].
	maxHeld = 4 << 20
	// maxHeldSpans is per direction of a connection.
	maxHeldSpans = 4096
	// maxAhead is the largest TCP window (RFC 7323, section 2.3). Numbers
	// further ahead than that are not of this connection.
	maxAhead = 1 << 30
	// maxLeap is how far an acknowledgment may run ahead of all that was seen
	// before it is doubted: Linux lets a window grow to 6 MiB by default
	// (net.ipv4.tcp_rmem).
	maxLeap = 16 << 20
)

// The reordering allowance: a hole is given up after so many later segments or
// so much time, if the receiver has acknowledged it (so that it will not be
// sent again) or the receiver's segments are not in the capture at all.
const (
	reorderSegments = 64
	reorderTime     = time.Second
	// reorderKnown is the allowance where the receiver has acknowledged bytes
	// behind the hole, so that it has those in the hole: nobody will send them
	// again, only the capture may have them out of order.
	reorderKnown = 10 * time.Millisecond
)

// reorderedWithin is how late a segment may be and still count as reordered
// rather than sent again, unless the round trip is known; as in Wireshark.
const reorderedWithin = 3 * time.Millisecond

// half is one direction of a connection.
type half struct {
	started, ended bool
	syn            bool
	// moved is set when something was delivered.
	moved bool
	// bare is set while a direction whose start was not captured has sent
	// segments without payload only: next may be one too low; see place.
	bare    bool
	skipped uint32 // where the last hole that was given up ended
	next    uint32 // number of the next byte to deliver
	top     uint32 // one past the highest byte that was seen
	topAt   time.Time
	held    spans
	// since and later measure the hole at next: since when, and how many
	// segments came behind it.
	since time.Time
	later int
	// acked is the highest acknowledgment of the receiver; heard tells
	// whether there was one.
	acked uint32
	heard bool
	// doubted is an acknowledgment of far more than was seen.
	doubted uint32
	doubt   bool
	fin     bool
	end     uint32 // number of the FIN
	finAt   Mark
	// over is set once bytes were left out that no process got; what follows
	// is nobody's either.
	over bool
}

func (h *half) start(seq uint32) { h.started, h.next, h.top = true, seq, seq }

// leads reports whether the bytes that are held may follow seq.
func (h *half) leads(seq uint32) bool {
	return len(h.held.list) == 0 || h.held.list[0].seq-seq <= maxAhead && h.held.last()-seq <= maxAhead
}

// acknowledge notes an acknowledgment. One damaged number must not make a hole
// of gigabytes: one that is far ahead is believed when the next one confirms it.
func (h *half) acknowledge(ack uint32) {
	if !h.heard {
		h.acked, h.heard = ack, true
		return
	}
	if !before(h.acked, ack) {
		return
	}
	known := h.acked
	if h.started && before(known, h.top) {
		known = h.top
	}
	if int32(ack-known) > maxLeap && !(h.doubt && !before(ack, h.doubted)) {
		h.doubted, h.doubt = ack, true
		return
	}
	h.acked, h.doubt = ack, false
}

// outstanding is how many bytes, up to the highest that was seen, the receiver
// has not acknowledged; 0 if it acknowledged nothing in the capture.
func (h *half) outstanding() uint64 {
	if !h.heard || !before(h.acked, h.top) {
		return 0
	}
	return uint64(h.top - h.acked)
}

// again reports whether bytes were sent before, as opposed to reordered.
func (h *half) again(x span, tolerance time.Duration) bool {
	if !before(x.seq, h.top) {
		return false
	}
	return before(x.seq, h.next) || h.held.has(x.seq) || x.at.Time.Sub(h.topAt) > tolerance
}

// overlaps reports whether x repeats a part of the bytes that were seen, or has
// other ones in their place as far as they are still held.
func (h *half) overlaps(x span) bool {
	if before(x.seq, h.next) {
		return before(h.next, x.end()) && h.next != h.skipped
	}
	return h.held.conflicts(x)
}

// keepAlive reports whether x is a keep-alive: one byte that was sent before
// (RFC 9293, section 3.8.4), of any value.
func (h *half) keepAlive(x span) bool { return x.n == 1 && x.seq+1 == h.top }

// hole is the size of the hole at next, as far as the receiver acknowledged it.
func (h *half) hole() int {
	if n := int32(h.acked - h.next); h.heard && n > 0 && n <= maxAhead {
		return int(n)
	}
	return 0
}

// overdue reports whether the hole at next will not be filled.
func (h *half) overdue(now time.Time) bool {
	if len(h.held.list) == 0 {
		return false
	}
	late := h.later >= reorderSegments || now.Sub(h.since) >= reorderTime
	if !h.heard {
		return late
	}
	known := h.hole() > int(h.held.list[0].seq-h.next) && now.Sub(h.since) >= reorderKnown
	return known || late && h.hole() > 0
}

// assemble brings the payload of a segment into order.
func (c *connection) assemble(d Dir, s *segment) {
	c.begin(d, s)
	if s.has(flagRST) {
		c.reset(d, s)
		return
	}
	if c.ResetBy != nil && !c.survived(d, s) {
		return
	}
	h := &c.half[d]
	if s.has(flagACK) {
		// What is acknowledged was there before the answer to it.
		c.half[d.Opposite()].acknowledge(s.ack)
		c.settle(d.Opposite(), s.at)
	}
	if s.length > 0 {
		c.payload(d, s)
	}
	if s.has(flagFIN) {
		h.finish(s)
	}
	c.settle(d, s.at)
	c.settle(d.Opposite(), s.at)
}

// begin finds the first number of each direction: the one after the SYN, or
// what the other side acknowledges in the handshake, or the first one seen.
func (c *connection) begin(d Dir, s *segment) {
	h, peer := &c.half[d], &c.half[d.Opposite()]
	switch {
	case s.has(flagRST):
		return // its number may be made up
	case s.has(flagSYN):
		h.syn = true
		if !h.moved && h.leads(s.seq+1) {
			h.start(s.seq + 1)
		}
	case !h.started:
		h.start(s.seq)
		h.bare = s.length == 0
	}
	if s.has(flagACK) && h.syn && !peer.started {
		peer.start(s.ack)
	}
}

// payload takes bytes of any place in the stream.
func (c *connection) payload(d Dir, s *segment) {
	h := &c.half[d]
	x := span{seq: s.first(), n: s.length, b: s.payload, at: s.at, filled: s.filled}
	if h.keepAlive(x) {
		return
	}
	if !s.has(flagSYN) && h.again(x, max(c.RTT, reorderedWithin)) {
		c.Retransmits[d]++
		c.life.counted(d, 'T', countRetransmit)
	}
	if h.overlaps(x) {
		c.Overlaps[d]++
	}
	if before(h.top, x.end()) && x.end()-h.top <= maxAhead {
		h.top, h.topAt = x.end(), x.at.Time
	}
	if !h.ended {
		c.place(d, x)
	}
}

// place delivers bytes if it is their turn, keeps them if they are early, and
// drops them if they are late.
func (c *connection) place(d Dir, x span) {
	h := &c.half[d]
	if h.bare && x.seq == h.next+1 {
		// The segment without payload was a keep-alive: the number before the
		// next one (RFC 9293, section 3.8.4).
		h.next++
	}
	h.bare = false
	if over := int(int32(h.next - x.seq)); over >= x.n {
		return
	} else if over > 0 {
		x = x.tail(over)
	}
	switch {
	case x.seq != h.next:
		c.hold(d, x)
	case len(h.held.list) == 0:
		c.deliver(d, x)
	default:
		c.keep(h, x) // what is held came first
		c.drain(d, x.at.Time)
	}
}

// hold keeps bytes that are ahead of a hole.
func (c *connection) hold(d Dir, x span) {
	h := &c.half[d]
	if x.seq-h.next > maxAhead { // also half the numbers away, which is neither ahead nor behind
		return
	}
	if c.full(h, x) {
		c.table.limited["bytes ahead of a hole"]++
		c.skipAll(d)
		if n := int32(x.seq - h.next); n > 0 && c.full(h, x) {
			c.skip(d, int(n), x.at)
		}
		c.place(d, x)
		return
	}
	if len(h.held.list) == 0 {
		h.since, h.later = x.at.Time, 0
	}
	h.later++
	c.keep(h, x)
}

// full reports whether x would exceed a bound.
func (c *connection) full(h *half, x span) bool {
	cost := len(x.b) + spanCost
	return h.held.cost+cost > maxHeld || len(h.held.list) >= maxHeldSpans ||
		c.table.held+cost > c.table.maxHeldTotal
}

func (c *connection) keep(h *half, x span) {
	c.table.held -= h.held.cost
	h.held.add(x)
	c.table.held += h.held.cost
}

// drain delivers held bytes as far as they follow without a hole.
func (c *connection) drain(d Dir, now time.Time) {
	h := &c.half[d]
	for len(h.held.list) > 0 && h.held.list[0].seq == h.next {
		c.table.held -= h.held.cost
		x := h.held.pop()
		c.table.held += h.held.cost
		c.deliver(d, x)
	}
	h.since, h.later = now, 0
}

// deliver hands bytes on whose turn it is. Those that were not captured are
// gone: another copy of them would be cut as well.
func (c *connection) deliver(d Dir, x span) {
	h := &c.half[d]
	h.moved = true
	h.next = x.end()
	if len(x.b) > 0 && !h.over {
		c.Bytes[d] += uint64(len(x.b))
		c.stream.Data(d, x.b, x.at)
	}
	n := x.n - len(x.b)
	h.over = h.over || n > 0 && x.filled
	if n > 0 {
		c.gap(d, n, x.at)
	}
}

func (c *connection) gap(d Dir, n int, at Mark) {
	if c.half[d].over {
		return
	}
	c.Missed[d] += uint64(n)
	c.stream.Gap(d, uint64(n), at)
}

// skip gives up n bytes at next.
func (c *connection) skip(d Dir, n int, at Mark) {
	h := &c.half[d]
	h.moved = true
	h.next += uint32(n)
	h.skipped = h.next
	c.gap(d, n, at)
}

// skipAll gives up all holes and delivers what is held.
func (c *connection) skipAll(d Dir) {
	h := &c.half[d]
	for len(h.held.list) > 0 {
		first := h.held.list[0]
		c.skip(d, int(first.seq-h.next), first.at)
		c.drain(d, first.at.Time)
	}
}

// settle gives up a hole that is overdue, and ends the direction when its FIN
// is reached.
func (c *connection) settle(d Dir, at Mark) {
	h := &c.half[d]
	if h.overdue(at.Time) {
		first := h.held.list[0]
		n := int(first.seq - h.next)
		if acked := h.hole(); h.heard && acked < n {
			n = acked
		}
		c.life.counted(d, 'G', countGap)
		c.skip(d, n, first.at)
		c.drain(d, at.Time)
	}
	if h.fin && !before(h.next, h.end) {
		c.end(d, Finished, h.finAt)
	}
}

// finish notes the FIN. The first one counts, unless it is out of place.
func (h *half) finish(s *segment) {
	end := s.first() + uint32(s.length)
	if h.fin || before(end, h.next) || end-h.next > maxAhead {
		return
	}
	h.fin, h.end, h.finAt = true, end, s.at
}

// flush delivers what is held and gives up what is missing at the end, as far
// as a FIN or an acknowledgment tells that it was sent.
func (c *connection) flush(d Dir, at Mark) {
	h := &c.half[d]
	if !h.started || h.ended {
		return
	}
	c.skipAll(d)
	n := h.hole()
	if h.fin {
		n = max(0, int(int32(h.end-h.next)))
	} else if n == 1 {
		n = 0 // a FIN that was not captured
	}
	if n > 0 {
		c.skip(d, n, at)
	}
}

// end ends a direction, once.
func (c *connection) end(d Dir, how Ending, at Mark) {
	h := &c.half[d]
	if h.ended {
		return
	}
	h.ended = true
	c.table.held -= h.held.cost
	h.held = spans{}
	c.stream.End(d, how, at)
	if c.half[d.Opposite()].ended {
		c.stream = discard{} // what decoded it is not needed any longer
	}
}
