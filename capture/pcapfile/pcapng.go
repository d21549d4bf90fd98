package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// maxInterfaces bounds the interfaces of a section that are remembered.
const maxInterfaces = 1 << 16

// maxNames bounds the process names that are kept so as not to allocate one
// for each packet.
const maxNames = 1024

// ngReader reads pcapng (draft-ietf-opsawg-pcapng).
type ngReader struct {
	w          *window
	order      binary.ByteOrder
	interfaces []captureInterface
	// recording is set in a section that this package wrote.
	recording bool
	frame     int
	// last is the time of the last event, 1970 before the first.
	last    time.Time
	packet  capture.Packet
	secrets secretQueue
	// queue[given:] are the events of the current block still to be delivered.
	queue []capture.Event
	given int
	names map[string]string
	// damage is what is wrong inside of blocks; failed is what ended the file.
	damage damage
	failed error
}

// captureInterface is what packets need of an Interface Description Block.
type captureInterface struct {
	link       capture.LinkType
	resolution resolution
	snap       uint32
	offset     int64
	// dropped is how many packets were lost, as the statistics said so far.
	dropped uint64
}

func newNGReader(w *window) (*ngReader, error) {
	r := &ngReader{w: w, names: map[string]string{}, last: time.Unix(0, 0).UTC()}
	if err := r.block(); err != nil {
		return nil, headerError(err)
	}
	return r, nil
}

func (r *ngReader) position() string {
	return fmt.Sprintf("after frame %d, byte %d", r.frame, r.w.offset())
}

func (r *ngReader) next() (capture.Event, error) {
	for {
		if r.given < len(r.queue) || r.secrets.large() {
			return r.deliver(), nil
		}
		if r.failed == nil {
			r.failed = r.block()
		}
		if errors.Is(r.failed, io.EOF) && r.secrets.release() {
			return r.secrets.next(r.last), nil
		}
		if r.failed != nil && !r.confess() {
			return nil, r.failed
		}
	}
}

// confess queues what is to be said of damaged blocks, once.
func (r *ngReader) confess() bool {
	text := r.damage.said()
	if text == "" {
		return false
	}
	r.damage = damage{}
	r.queue, r.given = append(r.queue[:0], &capture.NotSeen{Time: r.last, Text: text}), 0
	return true
}

// deliver returns the next event that is at hand: secrets that were found go
// ahead of the event that came after them.
func (r *ngReader) deliver() capture.Event {
	if r.given == len(r.queue) {
		return r.secrets.next(r.last)
	}
	e := r.queue[r.given]
	if r.secrets.pending() {
		return r.secrets.next(e.When())
	}
	r.given++
	r.last = e.When()
	return e
}

// block reads one block and queues its events.
func (r *ngReader) block() error {
	head, err := r.w.peek(8)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head) == blockSection { // a palindrome
		if head, err = r.byteOrder(); err != nil {
			return err
		}
	}
	kind, total := r.order.Uint32(head), r.order.Uint32(head[4:])
	if total < blockOverhead {
		return fmt.Errorf("block type %#x: length %d is too small", kind, total)
	}
	// Some writers leave the padding out of the length.
	size := (int64(total) + 3) &^ 3
	parse := r.parser(kind)
	if parse == nil {
		return r.skip(size)
	}
	if size > maxBlock {
		return fmt.Errorf("block type %#x: length %d is larger than %d", kind, total, maxBlock)
	}
	b, err := r.w.take(int(size))
	if err != nil {
		return err
	}
	if end := r.order.Uint32(b[size-4:]); padded(int64(end)) != size {
		return fmt.Errorf("block type %#x: lengths %d and %d differ", kind, total, end)
	}
	r.queue, r.given = r.queue[:0], 0
	if err := parse(r, b[8:size-4]); err != nil {
		if needed(kind) {
			return err
		}
		r.damage.add(r.position(), err)
	}
	return nil
}

func (r *ngReader) skip(size int64) error {
	err := r.w.skip(size)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// parser returns the method for the body of a block of that type, or nil if the
// block is to be skipped. It counts the blocks that Wireshark takes for frames.
func (r *ngReader) parser(kind uint32) func(*ngReader, []byte) error {
	switch kind {
	case blockSection:
		return (*ngReader).section
	case blockInterface:
		return (*ngReader).addInterface
	case blockEnhanced:
		return (*ngReader).enhancedPacket
	case blockSimple:
		return (*ngReader).simplePacket
	case blockPacket:
		return (*ngReader).obsoletePacket
	case blockStatistics:
		return (*ngReader).statistics
	case blockSecrets:
		return (*ngReader).addSecrets
	case blockCustom, blockCustomNoCopy, blockJournal, blockSysdigEvent, blockSysdigEvent2, blockSysdigEvent2L:
		r.frame++
	}
	return nil
}

// byteOrder looks at the byte-order magic of the section header that comes
// next. It returns the beginning of the block.
func (r *ngReader) byteOrder() ([]byte, error) {
	head, err := r.w.peek(blockOverhead)
	if err != nil {
		return nil, err
	}
	switch uint32(byteOrderMagic) {
	case binary.LittleEndian.Uint32(head[8:]):
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint32(head[8:]):
		r.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("pcapng section with byte-order magic % x: %w", head[8:], ErrFormat)
	}
	return head, nil
}

func (r *ngReader) section(b []byte) error {
	if len(b) < sectionFields {
		return fmt.Errorf("section header of %d bytes", len(b))
	}
	// Version 1.2 was written by some programs and is 1.0.
	if major, minor := r.order.Uint16(b[4:]), r.order.Uint16(b[6:]); major != 1 || minor != 0 && minor != 2 {
		return fmt.Errorf("pcapng version %d.%d: %w", major, minor, ErrFormat)
	}
	r.interfaces, r.recording = r.interfaces[:0], false
	r.secrets.release()
	return nil
}

func (r *ngReader) addInterface(b []byte) error {
	if len(b) < interfaceFields {
		return fmt.Errorf("interface description of %d bytes", len(b))
	}
	if len(r.interfaces) == maxInterfaces {
		return fmt.Errorf("more than %d interfaces", maxInterfaces)
	}
	i := captureInterface{
		link:       registered(capture.LinkType(r.order.Uint16(b))),
		snap:       r.order.Uint32(b[4:]),
		resolution: microseconds,
	}
	o := options{order: r.order, rest: b[interfaceFields:]}
	for o.next() {
		switch {
		case o.code == optTimeResolution && len(o.value) >= 1:
			i.resolution = resolution(o.value[0])
		case o.code == optTimeOffset && len(o.value) >= 8:
			i.offset = int64(r.order.Uint64(o.value))
		}
	}
	r.interfaces = append(r.interfaces, i)
	return nil
}

// statistics queues the events in an Interface Statistics Block of a recording,
// and the losses that one of any file tells.
func (r *ngReader) statistics(b []byte) error {
	if len(b) < statFields {
		return fmt.Errorf("interface statistics of %d bytes", len(b))
	}
	var envelope []byte
	var dropped uint64
	o := options{order: r.order, rest: b[statFields:]}
	for o.next() {
		if (o.code == optInterfaceDrops || o.code == optSystemDrops) && len(o.value) >= 8 {
			dropped += r.order.Uint64(o.value)
		}
		value, ok := o.ours()
		if !ok || len(value) == 0 {
			continue
		}
		envelope = append(envelope, value[1:]...)
		if value[0] == lastPart {
			r.addEvent(envelope)
			envelope = nil
		}
	}
	r.addLost(r.order.Uint32(b), dropped)
	return nil
}

// addLost queues what an interface dropped since its statistics before: they
// are totals, and the interface may be one that the file does not describe.
func (r *ngReader) addLost(index uint32, dropped uint64) {
	if int64(index) >= int64(len(r.interfaces)) || dropped <= r.interfaces[index].dropped {
		return
	}
	i := &r.interfaces[index]
	r.queue = append(r.queue, &capture.Lost{Time: r.last, Packets: dropped - i.dropped})
	i.dropped = dropped
}

// addEvent queues the event of an envelope. What can't be read is said: the
// file may be damaged, or written by a newer version.
func (r *ngReader) addEvent(envelope []byte) {
	e, err := r.open(envelope)
	if err != nil {
		e = &capture.NotSeen{Time: r.last, Text: fmt.Sprintf("an event of the recording could not be read: %v", err)}
	}
	if e != nil {
		r.queue = append(r.queue, e)
	}
}

func (r *ngReader) addSecrets(b []byte) error {
	if len(b) < secretsFields {
		return fmt.Errorf("decryption secrets of %d bytes", len(b))
	}
	kind, n := r.order.Uint32(b), r.order.Uint32(b[4:])
	lines := b[secretsFields:]
	if int64(n) > int64(len(lines)) {
		return fmt.Errorf("decryption secrets: length %d is larger than the block", n)
	}
	if kind == secretsTLS {
		r.secrets.add(lines[:n], r.recording)
	}
	return nil
}
