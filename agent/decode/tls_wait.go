package decode

// Limits of waiting for secrets.
const (
	// maxTLSHeld is how many bytes of one connection are held back while a
	// secret is awaited; [keylog.MaxHeld] bounds all connections together.
	maxTLSHeld = 1 << 20
	// heldCost is what a held piece costs beside its bytes.
	heldCost = 96
)

// tlsWaiting is what is held back, in order, until a secret comes.
type tlsWaiting struct {
	pieces []piece
	cost   int
	// over: nothing more is waited for.
	over bool
	// stop ends the watch for secrets of random; nil while there is none.
	stop   func()
	random [32]byte
	// leave ends the waiting after the end of the connection; nil before it.
	leave func()
	// ends counts the ends among the pieces.
	ends int
}

// take processes p at once or, behind what is held already, later.
func (t *tlsLayer) take(p piece) {
	if len(t.waiting.pieces) == 0 {
		left, done := t.process(p)
		if done {
			return
		}
		p = left
		t.watch()
	}
	t.holdBack(p)
}

// holdBack keeps p, and ends the waiting if that is too much or if nothing can
// follow.
func (t *tlsLayer) holdBack(p piece) {
	w := &t.waiting
	cost := len(p.b) + heldCost
	p.b = append([]byte(nil), p.b...)
	w.pieces = append(w.pieces, p)
	if p.end {
		w.ends++
	}
	granted := t.conn.Secrets.Hold(cost)
	if granted {
		w.cost += cost
	}
	switch {
	case !granted, w.cost > maxTLSHeld:
		t.giveUp()
	case w.ends+t.endings() == len(t.half):
		t.linger()
	}
}

// giveUp goes on without the secrets that have not come.
func (t *tlsLayer) giveUp() {
	t.waiting.over = true
	t.resume()
}

// linger waits on after the end of the connection, if that makes sense.
func (t *tlsLayer) linger() {
	w := &t.waiting
	if w.leave = t.conn.Secrets.Linger(w.cost, t.giveUp); w.leave == nil {
		t.giveUp()
	}
}

// endings is how many directions have ended for good.
func (t *tlsLayer) endings() (n int) {
	for i := range t.half {
		if t.half[i].done {
			n++
		}
	}
	return n
}

// resume processes what is held as far as the secrets go.
func (t *tlsLayer) resume() {
	w := &t.waiting
	for len(w.pieces) > 0 {
		left, done := t.process(w.pieces[0])
		if !done {
			w.pieces[0] = left
			t.watch()
			return
		}
		if w.pieces[0].end {
			w.ends--
		}
		w.pieces = w.pieces[1:]
	}
	t.conn.Secrets.Release(w.cost)
	w.cost, w.pieces = 0, nil
	if w.leave != nil {
		w.leave()
		w.leave = nil
	}
}

// watch asks to be woken by the secrets of the handshake at hand.
func (t *tlsLayer) watch() {
	w := &t.waiting
	if w.stop != nil && w.random == t.handshake.random {
		return
	}
	t.stopWaiting()
	w.random = t.handshake.random
	w.stop = t.conn.Secrets.Wait(w.random, t.resume)
}

// stopWaiting ends the watch for secrets.
func (t *tlsLayer) stopWaiting() {
	if t.waiting.stop != nil {
		t.waiting.stop()
		t.waiting.stop = nil
	}
}
