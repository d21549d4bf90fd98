//go:build linux

package bpf

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// keylogFunc is the function that crypto/tls hands every TLS secret to
// ($GOROOT/src/crypto/tls/common.go).
const keylogFunc = "crypto/tls.(*Config).writeKeyLog"

// maxExecutables bounds how many executables can have the probe; each takes one
// file descriptor, two before Linux 6.6.
const maxExecutables = 1 << 14

// errTooManyExecutables is what AttachTLS returns beyond maxExecutables.
var errTooManyExecutables = errors.New("too many executables with a TLS probe")

// inode names a file. A probe holds on to its inode, so that the number is not
// given to another file meanwhile.
type inode struct{ dev, ino uint64 }

// executable is one that has the keylog probe.
type executable struct {
	// changed is the inode's ctime: a file written anew has another one.
	changed unix.Timespec
	link    link.Link
}

// AttachTLS places the TLS secrets probe into the executable at path, which may
// be /proc/self/fd/N, for all processes of the cgroup that run it. It does
// nothing if that was done before. Errors: [ErrNoGoTLS] if there is nothing to
// attach to, [os.ErrClosed], or another. The probe stays until Close or
// [Probe.DetachDeleted].
func (p *Probe) AttachTLS(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%w: %s is not a regular file", ErrNoGoTLS, path)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.attachTLS(f, inode{st.Dev, st.Ino}, st.Ctim)
}

// attachTLS does the work of AttachTLS for an open file; p.mu is held.
func (p *Probe) attachTLS(f *os.File, id inode, changed unix.Timespec) error {
	old, ok := p.executables[id]
	switch {
	case p.executables == nil:
		return os.ErrClosed
	case ok && old.changed == changed:
		return nil
	case ok:
		// In the new content the old place may be the middle of anything.
		delete(p.executables, id)
		if err := old.link.Close(); err != nil {
			return fmt.Errorf("detach from %s: %w", f.Name(), err)
		}
	case len(p.executables) >= maxExecutables:
		return errTooManyExecutables
	}
	offset, err := FindFunc(f, keylogFunc)
	if errors.Is(err, ErrNoFunc) {
		return fmt.Errorf("%w: %s: %w", ErrNoGoTLS, f.Name(), err)
	} else if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	l, err := p.uprobe(f, offset)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", f.Name(), err)
	}
	p.executables[id] = executable{changed, l}
	return nil
}

// deletedSuffix is what the kernel appends to the path of a file that has no name
// any more (d_path, fs/d_path.c).
const deletedSuffix = " (deleted)"

// DetachDeleted takes the probe out of the executable with that device and inode
// number (stat(2)) if its file was deleted: the probe holds the file, whose blocks
// are not free before. It reports whether the probe is in no such executable any
// more. false may also mean that this cannot be told now, or never (before Linux
// 6.6). It waits for nobody.
func (p *Probe) DetachDeleted(dev, ino uint64) bool {
	if !p.mu.TryLock() { // a probe is being placed
		return false
	}
	defer p.mu.Unlock()
	id := inode{dev, ino}
	e, ok := p.executables[id]
	if !ok {
		return true
	}
	if !deleted(e.link) {
		return false
	}
	delete(p.executables, id)
	p.detaching.Go(func() { _ = e.link.Close() }) // takes an RCU grace period; fails only if closed
	return true
}

// deleted reports whether the file that l is attached to has no name any more.
func deleted(l link.Link) bool {
	info, err := l.Info()
	if err != nil {
		return false
	}
	multi := info.UprobeMulti()
	return multi != nil && strings.HasSuffix(multi.File, deletedSuffix)
}

// uprobe attaches at a file offset. The file is named by its descriptor, so that
// it is the one that was looked into.
func (p *Probe) uprobe(f *os.File, offset uint64) (link.Link, error) {
	ex, err := link.OpenExecutable(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return nil, err
	}
	// A multi-uprobe of one place: it goes away many times faster than a perf
	// event. With addresses given, the module needs no symbols.
	l, err := ex.UprobeMulti(nil, p.keylog, &link.UprobeMultiOptions{Addresses: []uint64{offset}})
	if errors.Is(err, ebpf.ErrNotSupported) { // before Linux 6.6
		return perfUprobe(ex, p.keylog, offset)
	}
	return l, err
}

func perfUprobe(ex *link.Executable, prog *ebpf.Program, offset uint64) (link.Link, error) {
	return ex.Uprobe("", prog, &link.UprobeOptions{Address: offset})
}
