package pcapfile

import "io"

const (
	// pieces is how many pieces of a file are read ahead, each of windowSize
	// bytes.
	pieces = 4
	// pieceFront is the room in front of a piece, in bytes, for what is left of
	// the one before it: a part of a packet, seldom of a larger block.
	pieceFront = 128 << 10
)

// ahead reads a file on a goroutine of its own while the packets in front are
// understood: copying it out of the kernel is a quarter of that work, and
// decompressing it more.
type ahead struct {
	src   io.Reader
	full  chan piece
	empty chan []byte
	// stop is closed to end the goroutine, done when it has ended.
	stop, done chan struct{}
}

// piece is a part of a file: buf[pieceFront:end], and why nothing follows it.
type piece struct {
	buf []byte
	end int
	err error
}

// readAhead begins to read what follows the bytes in the window. No one else
// may read from the source until the returned function was called.
func (w *window) readAhead() (stop func()) {
	if w.err != nil {
		return func() {}
	}
	a := &ahead{
		src: w.src, full: make(chan piece, pieces), empty: make(chan []byte, pieces),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for range pieces {
		a.empty <- nil // made when it is needed: most files are small
	}
	w.ahead = a
	go a.read()
	return func() {
		close(a.stop)
		<-a.done
	}
}

// read is the goroutine.
func (a *ahead) read() {
	defer close(a.done)
	for {
		select {
		case <-a.stop:
			return
		case buf := <-a.empty:
			p := a.piece(buf)
			a.full <- p // has room for all there are
			if p.err != nil {
				return
			}
		}
	}
}

// piece reads the next piece into buf.
func (a *ahead) piece(buf []byte) piece {
	if buf == nil {
		buf = make([]byte, pieceFront+windowSize)
	}
	p := piece{buf: buf, end: pieceFront}
	for p.end < len(buf) && p.err == nil {
		var n int
		n, p.err = readSome(a.src, buf[p.end:])
		p.end += n
	}
	return p
}

// advance puts the next piece behind what is left in the window.
func (w *window) advance() {
	p := <-w.ahead.full
	w.err = p.err
	left := w.buf[w.r:w.w]
	if len(left) > pieceFront {
		w.collect(left, p)
		return
	}
	start := pieceFront - len(left)
	copy(p.buf[start:], left)
	w.base += int64(w.r - start)
	w.giveBack()
	w.buf, w.r, w.w, w.piece = p.buf, start, p.end, true
}

// collect puts a piece behind a part of a large block, in memory that grows.
func (w *window) collect(left []byte, p piece) {
	w.base += int64(w.r)
	var whole []byte
	if !w.piece {
		whole = w.buf[:0]
	}
	whole = append(append(whole, left...), p.buf[pieceFront:p.end]...)
	w.giveBack()
	w.buf, w.r, w.w = whole, 0, len(whole)
	w.ahead.empty <- p.buf
}

// giveBack returns the window's piece, if it has one, to be filled again.
func (w *window) giveBack() {
	if w.piece {
		w.ahead.empty <- w.buf
		w.piece = false
	}
}
