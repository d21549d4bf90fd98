package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gopx-trace/gopx-trace/capture"
)

// ErrFormat says that the input is no capture file of a kind that this package
// reads.
var ErrFormat = errors.New("not a pcap or pcapng file")

// maxZstdWindow bounds the memory of the zstd decoder, in bytes. It is the
// bound of the zstd command too.
const maxZstdWindow = 128 << 20

// maxPacket is the largest packet, in bytes, that Wireshark and libpcap accept
// (WTAP_MAX_PACKET_SIZE_STANDARD, MAXIMUM_SNAPLEN).
const maxPacket = 262144

// Reader is a [capture.Source] that yields the events of a capture file.
type Reader struct {
	format format
	window *window
	// closers are called in this order.
	closers []func() error
	err     error
}

var _ capture.Source = (*Reader)(nil)

// format reads one of the file formats.
type format interface {
	// next is [capture.Source.Next]; after an error it is not called again.
	next() (capture.Event, error)
	// position says where in the file the reader stands, for messages.
	position() string
}

// Open opens the capture file at path, or standard input if path is "-".
func Open(path string) (*Reader, error) {
	if path == "-" {
		return NewReader(os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r, err := NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.closers = append(r.closers, f.Close)
	// A pipe may keep a reader waiting forever, and closing with it.
	if st.Mode().IsRegular() {
		r.closers = slices.Insert(r.closers, 0, r.readAhead())
	}
	return r, nil
}

// NewReader reads the beginning of src and returns a reader of its events. The
// error wraps [ErrFormat] if src is no capture file, or [io.ErrUnexpectedEOF]
// if it ends within the file header. Closing the reader does not close src.
func NewReader(src io.Reader) (*Reader, error) {
	w := newWindow(src)
	r := &Reader{}
	w, err := r.decompress(w)
	if err == nil {
		r.window = w
		r.format, err = detect(w)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// readAhead has the file read on a goroutine, which closing ends.
func (r *Reader) readAhead() (closer func() error) {
	stop := r.window.readAhead()
	return func() error {
		stop()
		return nil
	}
}

// decompress puts a decoder in front of w if w is compressed.
func (r *Reader) decompress(w *window) (*window, error) {
	magic, err := w.peek(4)
	if err != nil {
		return nil, headerError(err)
	}
	src := io.Reader(&windowReader{w})
	word := binary.LittleEndian.Uint32(magic)
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b: // RFC 1952, section 2.3.1
		z, err := gzip.NewReader(src)
		if err != nil {
			if errors.Is(err, io.EOF) { // it began, as its magic number shows
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("gzip: %w", headerError(err))
		}
		r.closers = append(r.closers, z.Close)
		return newWindow(z), nil
	case word == 0xfd2fb528, word&^0xf == 0x184d2a50: // RFC 8878, sections 3.1.1 and 3.1.2
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		r.closers = append(r.closers, func() error { z.Close(); return nil })
		return newWindow(z), nil
	}
	return w, nil
}

func detect(w *window) (format, error) {
	magic, err := w.peek(4)
	if err != nil {
		return nil, headerError(err)
	}
	if binary.LittleEndian.Uint32(magic) == blockSection {
		return newNGReader(w)
	}
	return newPcapReader(w)
}

// headerError is err for a file that ended within its header.
func headerError(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return shortError("the file is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return shortError("the file ends within its header")
	}
	return fmt.Errorf("file header: %w", err)
}

// shortError says where a file ends too early. It is an [io.ErrUnexpectedEOF],
// without those words: they tell a user nothing.
type shortError string

// Error implements error.
func (e shortError) Error() string { return string(e) }

// Unwrap makes [errors.Is] find what it is.
func (shortError) Unwrap() error { return io.ErrUnexpectedEOF }

// Next returns the next event; see [capture.Source]. Packets are numbered as
// Wireshark numbers them. A packet without a time of its own (Simple Packet
// Block) has the time of the packet before it, and the secrets of a foreign
// file the time of the event after them.
func (r *Reader) Next() (capture.Event, error) {
	if r.err != nil {
		return nil, r.err
	}
	e, err := r.format.next()
	if err == nil {
		return e, nil
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = shortError(r.format.position())
	case !errors.Is(err, io.EOF):
		err = fmt.Errorf("%s: %w", r.format.position(), err)
	}
	r.err = err
	return nil, err
}

// Close frees what [Open] or [NewReader] acquired.
func (r *Reader) Close() error {
	var errs []error
	for _, c := range r.closers {
		errs = append(errs, c())
	}
	r.closers = nil
	if r.err == nil {
		r.err = os.ErrClosed
	}
	return errors.Join(errs...)
}

// windowReader gives the rest of a window as a stream.
type windowReader struct{ w *window }

func (r *windowReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := r.w.peek(1); err != nil {
		return 0, err
	}
	n := copy(p, r.w.buf[r.w.r:r.w.w])
	r.w.r += n
	return n, nil
}
