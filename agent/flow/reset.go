package flow

// maxReset is how many reset connections may turn out to live on, the latest
// ones. What decoded the others is let go of.
const maxReset = 1024

// reset notes a RST, unless its receiver must ignore it because its number is
// not in the window (RFC 9293, section 3.10.7.4). The directions end later: see
// survived.
func (c *connection) reset(d Dir, s *segment) {
	h := &c.half[d]
	if h.heard && (before(s.seq, h.acked) || int32(s.seq-h.acked) > maxAhead) {
		return
	}
	if c.ResetBy != nil {
		return
	}
	by := d
	c.ResetBy, c.resetAt, c.resetSeq, c.ResetTTL = &by, s.at, s.seq, s.ttl
	c.closed(s.at)
	c.flush(ToServer, s.at)
	c.flush(ToClient, s.at)
	t := c.table
	if t.resets = append(t.resets, c); len(t.resets) > maxReset {
		t.resets[0].over()
		t.resets[0] = nil
		t.resets = t.resets[1:]
	}
}

// over ends the directions of a connection that was reset.
func (c *connection) over() {
	if c.ResetBy == nil {
		return
	}
	c.end(ToServer, Reset, c.resetAt)
	c.end(ToClient, Reset, c.resetAt)
}

// survived takes a segment after a RST and says whether the connection lives
// on. Neither end of a reset connection accepts data any more (RFC 9293,
// section 3.10.7.1), so one that acknowledges bytes which its peer sent after
// the RST has not obeyed it: it was forged, or made unacceptable by an option.
// Bytes that may turn out to be such are held until then.
func (c *connection) survived(d Dir, s *segment) bool {
	by := *c.ResetBy
	h := &c.half[by]
	if h.ended {
		return false
	}
	if d != by {
		if !s.has(flagACK) || len(h.held.list) == 0 || before(s.ack, h.held.list[0].end()) || before(h.held.last(), s.ack) {
			return false
		}
		c.revive(by)
		return true
	}
	x := span{seq: s.first(), n: s.length, b: s.payload, at: s.at, filled: s.filled}
	early := before(x.seq, c.resetSeq) || before(x.seq, h.next)
	if x.n > 0 && !s.has(flagSYN) && !early && x.seq-h.next <= maxAhead && !c.full(h, x) {
		c.keep(h, x)
	}
	return false
}

// revive takes the RST of direction by back.
func (c *connection) revive(by Dir) {
	if c.Closed == c.resetAt {
		c.Closed = Mark{}
	}
	c.ResetBy, c.resetAt = nil, Mark{}
	h := &c.half[by]
	after := h.held.list
	c.table.held -= h.held.cost
	h.held = spans{}
	for _, x := range after {
		if before(h.top, x.end()) {
			h.top, h.topAt = x.end(), x.at.Time
		}
		c.place(by, x)
	}
}
