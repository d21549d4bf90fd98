//go:build linux

package bpf

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// busyPause is how long to wait for a record whose place is taken but which is
// not complete: its writer runs on another CPU, or was interrupted.
const busyPause = 20 * time.Microsecond

// A record's header, struct bpf_ringbuf_hdr in kernel/bpf/ringbuf.c: 32 bits of
// length with two flags, 32 bits that are the kernel's own.
const (
	recordHeader  = 8
	recordBusy    = 1 << 31
	recordDiscard = 1 << 30
)

// maxRecord is the longest record with its header: PACKET_MAX of packet.bpf.h and a
// page, of whatever size, for what stands before it.
const maxRecord = maxSnaplen + 64<<10

var errBadRing = errors.New("ring buffer: record reaches beyond what was written")

// ring reads a BPF ring buffer in place, without copying a record out of it as
// the reader of the ebpf module does.
type ring struct {
	mu  sync.Mutex
	buf *ebpf.Map
	// quiet is where to wait for the kernel to wake us.
	quiet *os.File
	// consumed and produced count bytes since the beginning. The kernel writes
	// over what was consumed.
	consumed, produced *uint64
	// data is the buffer and behind it its beginning once more, as much as the
	// longest record: none is broken in two.
	data []byte
	mask uint64
	// position is where the next record begins. consumed lags behind it by the
	// record that the reader has in hand.
	position uint64
	closed   atomic.Bool
	mappings [2][]byte
}

// newRing maps the ring buffer m, which close closes too.
func newRing(m *ebpf.Map) (*ring, error) {
	page, size := os.Getpagesize(), int(m.MaxEntries())
	consumer, err := unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring buffer: %w", err)
	}
	// The kernel has the buffer twice in a row, but to map it takes time.
	producer, err := unix.Mmap(m.FD(), int64(page), page+size+min(size, maxRecord), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring buffer: %w", errors.Join(err, unix.Munmap(consumer)))
	}
	quiet, err := pollable(m.FD())
	if err != nil {
		return nil, fmt.Errorf("wait for ring buffer: %w", errors.Join(err, unix.Munmap(consumer), unix.Munmap(producer)))
	}
	r := &ring{
		buf:      m,
		quiet:    quiet,
		consumed: (*uint64)(unsafe.Pointer(&consumer[0])),
		produced: (*uint64)(unsafe.Pointer(&producer[0])),
		data:     producer[page:],
		mask:     uint64(size - 1),
		mappings: [2][]byte{consumer, producer},
	}
	r.position = atomic.LoadUint64(r.consumed)
	return r, nil
}

// pollable returns a descriptor of our own for what fd is open on, which the
// runtime waits for together with all else it waits for.
func pollable(fd int) (*os.File, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(own, true); err != nil {
		return nil, errors.Join(err, unix.Close(own))
	}
	f := os.NewFile(uintptr(own), "ring buffer")
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// next returns the next record, valid until the call after this. Errors are
// os.ErrDeadlineExceeded when there is none after the time to wait, os.ErrClosed,
// and errBadRing.
func (r *ring) next(wait time.Duration) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return nil, os.ErrClosed
	}
	atomic.StoreUint64(r.consumed, r.position)
	if record, err := r.take(); record != nil || err != nil {
		return record, err
	}
	return r.wait(wait)
}

// wait waits for a record.
func (r *ring) wait(wait time.Duration) ([]byte, error) {
	for deadline := time.Now().Add(wait); ; {
		left := time.Until(deadline)
		if left <= 0 || r.closed.Load() {
			return nil, os.ErrDeadlineExceeded
		}
		// poll(2) returns at once while an incomplete record is in the ring.
		if atomic.LoadUint64(r.produced) != r.position {
			time.Sleep(busyPause)
		} else if err := r.poll(left); err != nil {
			return nil, err
		}
		if record, err := r.take(); record != nil || err != nil {
			return record, err
		}
	}
}

// poll blocks until the kernel wakes us or the time is over. It is the runtime
// that waits: for a poll(2) of our own its monitor thread would stay awake, which
// takes more processor time than reading packets does.
func (r *ring) poll(timeout time.Duration) error {
	if err := r.quiet.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return fmt.Errorf("wait for ring buffer: %w", err)
	}
	conn, err := r.quiet.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for ring buffer: %w", err)
	}
	woken := false
	err = conn.Read(func(uintptr) bool {
		done := woken || atomic.LoadUint64(r.produced) != r.position
		woken = true // when asked again
		return done
	})
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("wait for ring buffer: %w", err)
	}
	return nil
}

// take returns the record at position if it is complete, else nil.
func (r *ring) take() ([]byte, error) {
	for {
		available := atomic.LoadUint64(r.produced) - r.position
		if available == 0 {
			return nil, nil
		}
		start := r.position & r.mask
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[start])))
		if head&recordBusy != 0 {
			return nil, nil
		}
		n := uint64(head &^ (recordBusy | recordDiscard))
		size := (recordHeader + n + 7) &^ 7
		if size > available || start+size > uint64(len(r.data)) {
			return nil, errBadRing
		}
		r.position += size
		if head&recordDiscard == 0 {
			return r.data[start+recordHeader : start+recordHeader+n : start+recordHeader+n], nil
		}
		atomic.StoreUint64(r.consumed, r.position)
	}
}

// close unmaps the ring, and with it the last record, once a call of next that
// is under way has returned.
func (r *ring) close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.quiet.Close(), unix.Munmap(r.mappings[0]), unix.Munmap(r.mappings[1]), r.buf.Close())
}
