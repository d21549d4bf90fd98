package pcapfile

import (
	"errors"
	"io"
)

// windowSize is what the reader asks of the file at a time, in bytes.
const windowSize = 512 << 10

// maxEmptyReads is how often a source may return nothing without an error.
const maxEmptyReads = 100

// window is a buffer over a stream that hands out slices of itself, so that
// packets reach the reader's caller without a copy.
type window struct {
	src io.Reader
	buf []byte
	// buf[r:w] are the bytes read and not yet taken.
	r, w int
	// base is the offset of buf[0] in the stream.
	base int64
	err  error
	// ahead reads the stream from some point on; piece says that buf came from
	// there, and goes back.
	ahead *ahead
	piece bool
}

func newWindow(src io.Reader) *window {
	return &window{src: src, buf: make([]byte, windowSize)}
}

// offset is the position in the (uncompressed) stream of the next byte.
func (w *window) offset() int64 { return w.base + int64(w.r) }

// peek returns the next n bytes without taking them. The slice is valid until
// the next call of any method. At the end of the stream it returns io.EOF if
// there is no byte left, io.ErrUnexpectedEOF if there are fewer than n.
func (w *window) peek(n int) ([]byte, error) {
	for w.w-w.r < n {
		if w.err != nil {
			return nil, w.shortage()
		}
		if w.ahead != nil {
			w.advance()
			continue
		}
		w.makeRoom(n)
		w.fill()
	}
	return w.buf[w.r : w.r+n], nil
}

// take is peek and moves on.
func (w *window) take(n int) ([]byte, error) {
	b, err := w.peek(n)
	if err == nil {
		w.r += n
	}
	return b, err
}

// skip moves on by n bytes, which need not fit into memory.
func (w *window) skip(n int64) error {
	for n > 0 {
		have := min(int64(w.w-w.r), n)
		w.r += int(have)
		n -= have
		if n == 0 {
			break
		}
		if _, err := w.peek(1); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (w *window) shortage() error {
	if errors.Is(w.err, io.EOF) && w.w > w.r {
		return io.ErrUnexpectedEOF
	}
	return w.err
}

// makeRoom sees to it that at least one byte can be read on the way to n bytes
// in one piece. The buffer grows only when it is full of data that are really
// there: a hostile length costs at most twice what the file holds.
func (w *window) makeRoom(n int) {
	if w.r+n <= len(w.buf) {
		return
	}
	if w.r > 0 {
		w.base += int64(w.r)
		w.w = copy(w.buf, w.buf[w.r:w.w])
		w.r = 0
	}
	if w.w == len(w.buf) {
		w.buf = append(w.buf, make([]byte, min(len(w.buf), n-len(w.buf)))...)
	}
}

func (w *window) fill() {
	var n int
	n, w.err = readSome(w.src, w.buf[w.w:])
	w.w += n
}

// readSome reads at least one byte or returns an error.
func readSome(src io.Reader, b []byte) (n int, err error) {
	for range maxEmptyReads {
		if n, err = src.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
