package pcapfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// tidySize is the size up to which Close rewrites a recording for no more than
// leaving out the unused room for secrets.
const tidySize = 64 << 20

// What a rewrite does with the room for secrets.
const (
	keepRoom = true
	dropRoom = false
)

// rewrite replaces the file by one in which all secrets stand at the front and
// packets are cut such that it is at least need bytes smaller, if there is so
// much to cut. The old file stays in place until the new one is complete, which
// takes its space on the disk for that time.
func (w *Writer) rewrite(need int64, room bool) error {
	w.flush()
	if w.err != nil {
		return w.err
	}
	tmp, err := os.CreateTemp(filepath.Dir(w.path), "."+filepath.Base(w.path)+".*")
	if err != nil {
		return err
	}
	c := &compaction{w: w, limit: w.limit, log: w.log, src: w.f, dst: tmp, out: bufio.NewWriterSize(tmp, flushSize)}
	err = c.run(need, room)
	if err == nil {
		err = sameOwner(tmp, w.f)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), w.path)
	}
	if err != nil {
		tmp.Close()
		os.Remove(tmp.Name())
		return err
	}
	w.f.Close() // nothing was written to it since the copy
	w.f, w.off, w.limit, w.log = tmp, c.size, c.limit, c.log
	return nil
}

// compaction copies a recording. It works on copies of the writer's books, so
// that the writer stays as it was if the copy fails.
type compaction struct {
	w        *Writer
	limit    limiter
	log      secretLog
	src, dst *os.File
	out      *bufio.Writer
	// size is the number of bytes written.
	size int64
	// big and small are how much is to be cut from packets of these kinds.
	big, small int64
	block      []byte
}

func (c *compaction) run(need int64, room bool) error {
	loose, from := c.log.loose, c.log.end()
	if room && len(loose) > 0 {
		need += roomBlock(c.log.room)
	}
	if err := c.front(room); err != nil {
		return err
	}
	c.big = max(min(need, c.limit.big), 0)
	c.small = max(min(need-c.big, c.limit.small), 0)
	from, err := c.cutPackets(from, loose)
	if err != nil {
		return err
	}
	for _, l := range loose {
		if l.off < from {
			continue
		}
		if err := c.copy(from, l.off-from); err != nil {
			return err
		}
		from = l.off + l.size
	}
	if err := c.copy(from, c.w.off-from); err != nil {
		return err
	}
	return c.tellCut()
}

// front writes the header and all secrets.
func (c *compaction) front(room bool) error {
	log := &c.log
	if room && len(log.loose) == 0 {
		return c.copy(0, log.end())
	}
	if err := c.copy(0, log.at); err != nil {
		return err
	}
	if log.used > 0 {
		lines := make([]byte, log.used)
		if _, err := c.src.ReadAt(lines, log.start()); err != nil {
			return err
		}
		if err := c.write(appendSecretsBlock(nil, lines)); err != nil {
			return err
		}
	}
	for _, l := range log.loose {
		if err := c.copy(l.off, l.size); err != nil {
			return err
		}
	}
	log.at, log.used, log.loose = c.size, 0, nil
	if !room {
		log.room = 0
		return nil
	}
	return c.write(appendRoom(nil, log.room))
}

// cutPackets copies blocks from that offset on until enough is cut, leaving out
// the loose secrets, and returns how far it came.
func (c *compaction) cutPackets(from int64, loose []extent) (int64, error) {
	w := newWindow(io.NewSectionReader(c.src, from, c.w.off-from))
	for c.big > 0 || c.small > 0 {
		head, err := w.peek(8)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		kind, size := le.Uint32(head), le.Uint32(head[4:])
		if size < blockOverhead || size%4 != 0 || size > maxBlock {
			return 0, fmt.Errorf("the recording was changed by someone else: block of %d bytes at %d", size, from+w.offset())
		}
		for len(loose) > 0 && loose[0].off < from+w.offset() {
			loose = loose[1:]
		}
		skip := len(loose) > 0 && loose[0].off == from+w.offset()
		b, err := w.take(int(size))
		if err != nil {
			return 0, err
		}
		if kind == blockEnhanced {
			b = c.cut(b)
		}
		if skip {
			continue
		}
		if err := c.write(b); err != nil {
			return 0, err
		}
	}
	return from + w.offset(), nil
}

// cut returns the packet block b, cut if packets of its size are to be.
func (c *compaction) cut(b []byte) []byte {
	const data = 8 + packetFields
	if len(b) < data+4 {
		return b
	}
	captured := int(le.Uint32(b[data-8:]))
	saved := savable(captured)
	if saved == 0 || captured > len(b)-data-4 {
		return b
	}
	todo, total := &c.small, &c.limit.small
	if captured > smallPacket {
		todo, total = &c.big, &c.limit.big
	}
	if *todo <= 0 {
		return b
	}
	*todo -= saved
	*total -= saved
	c.limit.packets++
	c.limit.bytes += uint64(captured - cutLength)
	c.block = append(c.block[:0], b[:data+cutLength]...)
	le.PutUint32(c.block[data-8:], cutLength)
	c.block = append(c.block, b[data+padded(captured):len(b)-4]...)
	return endBlock(c.block, 0)
}

// tellCut ends the copy with an event that says what was cut.
func (c *compaction) tellCut() error {
	if cut := c.limit.untold(c.w.last); cut.Packets > 0 {
		b, err := seal(typeCut, &cut)
		if err == nil {
			err = c.write(appendEvent(nil, cut.Time, b))
		}
		if err != nil {
			return err
		}
	}
	return c.out.Flush()
}

func (c *compaction) write(b []byte) error {
	n, err := c.out.Write(b)
	c.size += int64(n)
	return err
}

// copy copies a piece of the old file, inside the kernel where that can do it.
func (c *compaction) copy(off, n int64) error {
	if err := c.out.Flush(); err != nil {
		return err
	}
	if _, err := c.src.Seek(off, io.SeekStart); err != nil {
		return err
	}
	n, err := io.CopyN(c.dst, c.src, n)
	c.size += n
	return err
}
