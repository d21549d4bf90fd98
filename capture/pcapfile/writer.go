package pcapfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// MinMaxBytes is the smallest value of [Options.MaxBytes].
const MinMaxBytes = 1 << 20

// flushSize is how many bytes the writer gathers before it writes them.
const flushSize = 1 << 20

// flushAfter is how long an event stays in memory, in event time and in real
// time: what a recording may lack after a kill -9.
const flushAfter = time.Second

// Options of a [Writer]. The zero value is usable.
type Options struct {
	// Application is the name and version of the program, for the file header.
	Application string
	// MaxBytes bounds the size of the file; 0 is no bound, and other values
	// below MinMaxBytes are errors. When it is reached, the oldest packets are
	// cut to 128 bytes, small ones only after all that are over 512 bytes.
	// When nothing is left to cut, packets and then other events are left out.
	// Cutting copies the file: Write takes some 0.6 ms then for each MiB of it,
	// and the disk must have room for the copy.
	MaxBytes int64
}

// Writer is a [capture.Sink] that records events in a pcapng file. Its methods
// may be called concurrently.
type Writer struct {
	mu   sync.Mutex
	opts Options
	// path is the file, behind all symbolic links so that it can be replaced.
	path string
	f    *os.File
	// regular is false for a pipe or device, which can only be appended to.
	regular bool
	// buf is what is not yet written: whole blocks.
	buf []byte
	// off is the size of the file without buf.
	off     int64
	flushed time.Time
	timer   *time.Timer
	// links maps a link type to its interface.
	links map[capture.LinkType]uint32
	log   secretLog
	limit limiter
	last  time.Time
	// err is the first error; told, that the caller has it.
	err    error
	told   bool
	closed bool
}

var _ capture.Sink = (*Writer)(nil)

// Create creates or truncates the file at path, with mode 0600, and writes the
// header of a recording. A pipe or device works too, but gets no more than a
// stream: secrets stand in it where they were observed, and the size has no
// bound.
func Create(path string, o Options) (*Writer, error) {
	if o.MaxBytes != 0 && o.MaxBytes < MinMaxBytes {
		return nil, fmt.Errorf("maximum size of %d bytes is below %d", o.MaxBytes, MinMaxBytes)
	}
	w := &Writer{
		opts:  o,
		path:  path,
		buf:   make([]byte, 0, flushSize+maxPacketBlock),
		links: map[capture.LinkType]uint32{},
		log:   secretLog{lines: map[[sha256.Size]byte]int{}},
	}
	if err := w.openFile(path); err != nil {
		return nil, err
	}
	w.begin()
	w.flush()
	if w.err != nil {
		w.f.Close()
		return nil, w.err
	}
	w.mu.Lock()
	w.timer = time.AfterFunc(flushAfter, w.expire)
	w.mu.Unlock()
	return w, nil
}

func (w *Writer) openFile(path string) error {
	flags := os.O_RDWR | os.O_CREATE | os.O_TRUNC
	st, err := os.Stat(path)
	switch {
	case err == nil && !st.Mode().IsRegular():
		flags = os.O_WRONLY
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if w.f, err = os.OpenFile(path, flags, 0o600); err != nil {
		return err
	}
	if st, err = w.f.Stat(); err == nil && st.Mode().IsRegular() {
		w.regular, w.limit.max = true, w.opts.MaxBytes
		if err = w.f.Chmod(0o600); err == nil {
			w.path, err = filepath.EvalSymlinks(path)
		}
	}
	if err != nil {
		w.f.Close()
	}
	return err
}

// begin puts the header of the recording into the buffer.
func (w *Writer) begin() {
	w.buf = appendSection(w.buf, w.opts.Application)
	w.link(capture.LinkRaw)
	w.buf = appendEvent(w.buf, time.Time{}, beginEnvelope)
	if w.regular {
		w.log.at, w.log.room = w.size(), roomSize
		if w.limit.max != 0 {
			w.log.room = int(min(roomSize, w.limit.max/8))
		}
		w.buf = appendRoom(w.buf, w.log.room)
	}
}

// Write records an event. The first error is returned once, and nothing is
// recorded after it; what was recorded before stays readable.
func (w *Writer) Write(e capture.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	if w.err == nil {
		w.write(e)
	}
	return w.tell()
}

func (w *Writer) write(e capture.Event) {
	w.last = e.When()
	switch e := e.(type) {
	case *capture.Packet:
		w.packet(e)
	case *capture.Secret:
		w.secret(e)
	default:
		w.event(eventType(e), e)
	}
	if len(w.buf) >= flushSize || w.last.Sub(w.flushed) >= flushAfter {
		w.flush()
	}
}

// tell returns the error that the caller does not know yet.
func (w *Writer) tell() error {
	if w.told {
		return nil
	}
	w.told = w.err != nil
	return w.err
}

// event records an event other than a packet.
func (w *Writer) event(kind string, e any) {
	b, err := seal(kind, e)
	if err != nil {
		b, err = seal(typeNotSeen, &capture.NotSeen{Time: w.last, Text: fmt.Sprintf("an event was not recorded: %v", err)})
	}
	if err != nil {
		w.fail(err)
		return
	}
	if w.admit(kind, int64(envelopeSize(len(b)))) {
		w.buf = appendEvent(w.buf, w.last, b)
	}
}

func (w *Writer) packet(p *capture.Packet) {
	link := w.link(p.Link)
	data := p.Data[:min(len(p.Data), maxPacket)]
	if !w.admitPacket(len(data)) {
		return
	}
	w.buf = appendPacket(w.buf, p, data, link)
}

// link returns the interface for packets of a link type, and describes it first
// if it is new.
func (w *Writer) link(t capture.LinkType) uint32 {
	if i, ok := w.links[t]; ok {
		return i
	}
	i := uint32(len(w.links))
	w.links[t] = i
	w.buf = appendInterface(w.buf, t)
	return i
}

// expire writes what has been in memory for flushAfter.
func (w *Writer) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil {
		return
	}
	w.flush()
	w.timer.Reset(flushAfter)
}

// flush writes the buffer to the file.
func (w *Writer) flush() {
	w.flushed = w.last
	if w.err != nil || len(w.buf) == 0 {
		return
	}
	n, err := w.f.Write(w.buf)
	if err != nil {
		w.off += int64(completeBlocks(w.buf[:n]))
		w.fail(err)
		return
	}
	w.off += int64(n)
	w.buf = w.buf[:0]
}

// fail keeps the first error and cuts the file back to its last whole block.
func (w *Writer) fail(err error) {
	if w.err != nil {
		return
	}
	w.err = fmt.Errorf("recording %s: %w", w.path, err)
	w.buf = nil
	if w.regular {
		// If this fails too, the reader copes with the cut block.
		_ = w.f.Truncate(w.off)
	}
}

// Close writes what is left, brings the secrets to the front if they are not
// there, and closes the file. It returns the first error unless Write did.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	w.closed = true
	w.timer.Stop()
	if w.err == nil {
		w.tellOmissions()
	}
	w.flush()
	if w.err == nil && w.regular && (len(w.log.loose) > 0 || w.off <= tidySize) {
		// Without loose secrets the file is good as it is.
		if err := w.rewrite(0, dropRoom); err != nil && len(w.log.loose) > 0 {
			w.fail(err)
		}
	}
	if err := w.f.Close(); err != nil {
		w.fail(err)
	}
	return w.tell()
}
