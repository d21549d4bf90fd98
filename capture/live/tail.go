//go:build linux

package live

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

// Limits of the key log tail.
const (
	tailEvery    = 20 * time.Millisecond
	tailChunk    = 64 << 10 // bytes read at a time
	maxLine      = 4 << 10  // the longest line of a key log has some 300 bytes
	maxWaiting   = 64 << 10 // secrets not yet fetched
	tailAttempts = 512      // chunks read at one time: 32 MiB
)

// tail follows a key log that other processes write.
type tail struct {
	name string
	user invoker.User
	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu      sync.Mutex
	waiting []*capture.Secret
	dropped uint64

	// Of the following goroutine only.
	file   *os.File
	offset int64
	rest   []byte // the line that is not complete yet
	long   bool   // it is too long and is being skipped
	absent int    // polls to pass over until the file is looked for again
	gone   bool   // it appeared and cannot be read
}

// errNotRegular says that a key log is a device or a FIFO: reading it would
// take from others what they are to get.
var errNotRegular = errors.New("not a regular file")

// newTail follows a key log from its present end on. It need not exist yet; it
// is opened as user u may. The error says why it can never be followed.
func newTail(name string, u invoker.User) (*tail, error) {
	t := &tail{name: name, user: u, stop: make(chan struct{}), done: make(chan struct{})}
	if err := t.open(); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if t.file != nil {
		end, err := t.file.Seek(0, io.SeekEnd)
		if err != nil {
			t.file.Close()
			return nil, err
		}
		t.offset = end
	}
	go t.follow()
	return t, nil
}

// open opens the file if it is there and regular.
func (t *tail) open() error {
	var f *os.File
	var err error
	if derr := t.user.Do(func() {
		f, err = os.OpenFile(t.name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	}); derr != nil {
		return derr
	}
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", t.name, errNotRegular)
	}
	if err != nil {
		f.Close()
		return err
	}
	t.file = f
	return nil
}

// follow polls: a key log is written a few lines at a time, and inotify would
// cost the writers more than this costs us.
func (t *tail) follow() {
	defer close(t.done)
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.read()
		case <-t.stop:
			t.read() // what was written before the end
			if t.file != nil {
				t.file.Close()
			}
			return
		}
	}
}

// read takes in what is new.
func (t *tail) read() {
	if t.file == nil && !t.appeared() {
		return
	}
	buf := make([]byte, tailChunk)
	for range tailAttempts {
		n, err := t.file.ReadAt(buf, t.offset)
		t.offset += int64(n)
		t.take(buf[:n], time.Now().UTC())
		if n < len(buf) || err != nil {
			break
		}
	}
	// A writer that started over (truncated the file) is read from its start.
	if fi, err := t.file.Stat(); err == nil && fi.Size() < t.offset {
		t.offset, t.rest, t.long = 0, nil, false
	}
}

// lookEvery is the number of polls between two looks for a file that is not
// there.
const lookEvery = 5

// appeared opens the file if it is there by now. To open it as its user takes a
// thread, so that is not tried in vain.
func (t *tail) appeared() bool {
	if t.absent--; t.absent > 0 || t.gone {
		return false
	}
	t.absent = lookEvery
	if _, err := os.Lstat(t.name); err != nil {
		return false
	}
	t.gone = t.open() != nil
	return !t.gone
}

// take splits bytes into lines, of which the last may not be complete yet.
func (t *tail) take(b []byte, now time.Time) {
	for len(b) > 0 {
		line, after, ended := bytes.Cut(b, []byte("\n"))
		b = after
		if len(t.rest)+len(line) > maxLine {
			t.rest, t.long = nil, true
		}
		if !t.long {
			t.rest = append(t.rest, line...)
		}
		if !ended {
			return
		}
		if s, ok := parseKeyLog(t.rest); ok && !t.long {
			s.Time = now
			t.hand(s)
		}
		t.rest, t.long = t.rest[:0], false
	}
}

// hand keeps a secret until it is fetched.
func (t *tail) hand(s *capture.Secret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= maxWaiting {
		t.dropped++
		return
	}
	t.waiting = append(t.waiting, s)
}

// fetch returns the secrets that came in since the last call, and how many
// found no room.
func (t *tail) fetch() ([]*capture.Secret, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, d := t.waiting, t.dropped
	t.waiting, t.dropped = nil, 0
	return s, d
}

// close reads what is left and ends the following. fetch then returns the rest.
func (t *tail) close() {
	t.once.Do(func() { close(t.stop) })
	<-t.done
}
