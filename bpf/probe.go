//go:build linux

// Package bpf is the kernel side of gopx-trace: it watches the processes of one
// cgroup and yields their packets, sockets, forks, execs and TLS secrets as
// samples, in the order in which the kernel saw them.
//
// The programs are the C files beside this one; gopx.bpf.c is where to begin.
// Packets come from cgroup_skb, and those that miss it from a gap filler.
// Secrets come from a uprobe that [Probe.AttachTLS] places into each Go
// executable. Everything goes through one ring, which [Probe.Read] empties.
package bpf

import (
	"errors"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -tags linux -type event -type packet_event -type fork_event -type exec_event -type exit_event -type socket_event -type secret_event gopx gopx.bpf.c -- -Iinclude -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror

// Options say what to watch.
type Options struct {
	// Cgroup is the path of a cgroup2 directory: processes in it and below it
	// are watched. The root of the file system means the whole machine.
	Cgroup string
	// RingBytes is the size of the buffer between kernel and reader, rounded up
	// to a power of two; 0 is 64 MiB. A sixteenth of it is out of bounds for
	// packets, so that a flood of them leaves room for the other events.
	RingBytes int
	// Snaplen is how much of each packet is kept, in bytes; 0 (and anything
	// above) is 256 KiB, which is more than a packet can have without BIG TCP.
	// Less than 128 is 128, room for the headers.
	Snaplen int
	// Ahead are executables that AttachTLS will be called for next: Load begins
	// with that early and does not wait for it, nor tell an error of it.
	Ahead []string
}

// Probe is a set of attached programs. All methods but Read may be called while another goroutine reads; Read itself is for one goroutine.
type Probe struct {
	ring    *ring
	decoder decoder
	lost    *ebpf.Map
	keylog  *ebpf.Program
	missing []string
	// links are what attaches the programs.
	links []link.Link

	mu sync.Mutex
	// executables are those that have the keylog probe; nil after Close.
	executables map[inode]executable
	// detaching are the links that are being closed in the background.
	detaching sync.WaitGroup
}

// Load loads the programs and attaches them to the cgroup. Errors: one of
// [ErrNotPermitted], [ErrNoBTF], [ErrKernelTooOld], [ErrNoCgroup2] (errors.Is),
// or another. When the process ends, in whatever way, the kernel detaches
// everything by itself.
func Load(o Options) (*Probe, error) {
	s, err := openScope(o.Cgroup)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	l := newLoader(s)
	spec, err := o.spec(s)
	if err != nil {
		return nil, err
	}
	return l.start(spec, o.Ahead)
}

// Read fills s with the next sample. It returns os.ErrDeadlineExceeded when there
// is none after the time to wait, and os.ErrClosed after Close. Another error means
// a record that makes no sense; reading may go on. Most samples do not wake a Read
// that waits, execs and exits of processes do: the time to wait, for which 20 ms
// are usual, is how late the others come.
func (p *Probe) Read(s *Sample, wait time.Duration) error {
	record, err := p.ring.next(wait)
	if err != nil {
		return err
	}
	return p.decoder.decode(record, s)
}

// Lost counts the packets and the other events that the kernel side could not
// keep, since Load: mostly because the ring was full.
func (p *Probe) Lost() (packets, events uint64, err error) {
	for i, sum := range []*uint64{&packets, &events} {
		var perCPU []uint64
		if err := p.lost.Lookup(uint32(i), &perCPU); err != nil {
			return 0, 0, err
		}
		for _, n := range perCPU {
			*sum += n
		}
	}
	return packets, events, nil
}

// Missing says, one sentence each, what this kernel does not let us observe.
func (p *Probe) Missing() []string {
	return p.missing
}

// Close detaches everything. It waits for a Read that is under way, but not for the
// kernel: see release.
func (p *Probe) Close() error {
	p.mu.Lock()
	links := p.links
	for _, e := range p.executables {
		links = append(links, e.link)
	}
	p.links, p.executables = nil, nil
	p.mu.Unlock()
	errs := []error{release(links)}
	p.detaching.Wait()
	if p.ring != nil {
		errs = append(errs, p.ring.close())
	}
	return errors.Join(append(errs, p.lost.Close(), p.keylog.Close())...)
}
