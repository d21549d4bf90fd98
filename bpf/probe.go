// Package bpf is the kernel side of gopx-trace: it watches the processes of one
// cgroup and yields their packets, sockets, forks, execs and TLS secrets as
// samples, in the order in which the kernel saw them.
package bpf

import "os"

// Options say what to watch.
type Options struct {
	// Cgroup is the path of a cgroup2 directory: processes in it and below it
	// are watched. The root of the file system means the whole machine.
	Cgroup string
	// RingBytes is the size of the buffer between kernel and reader, rounded up
	// to a power of two; 0 is 64 MiB.
	RingBytes int
	// Snaplen is how much of each packet is kept, in bytes; 0 (and anything
	// above) is 256 KiB, which is more than a packet can have without BIG TCP.
	Snaplen int
}

// Probe is a set of attached programs. AttachTLS, Lost and Missing may be
// called while another goroutine reads; Read itself is for one goroutine.
type Probe struct{}

// Load loads the programs and attaches them to the cgroup. Errors: one of
// ErrNotPermitted, ErrNoBTF, ErrKernelTooOld, ErrNoCgroup2 (errors.Is), or
// another. When the process ends, in whatever way, the kernel detaches
// everything by itself.
func Load(o Options) (*Probe, error) { return nil, ErrKernelTooOld }

// AttachTLS places the TLS secrets probe into the executable at path, which may
// be /proc/self/fd/N, for all processes of the cgroup that run it. It does
// nothing if that was done before. Errors: ErrNoGoTLS if there is nothing to
// attach to, or another. The probe stays until Close.
func (p *Probe) AttachTLS(path string) error { return ErrNoGoTLS }

// Read fills s with the next sample. It returns os.ErrDeadlineExceeded when
// there was none for about 20 ms and os.ErrClosed after Close.
func (p *Probe) Read(s *Sample) error { return os.ErrClosed }

// Lost counts the packets and the other events that found no room in the ring,
// since Load.
func (p *Probe) Lost() (packets, events uint64, err error) { return 0, 0, nil }

// Missing says, one sentence each, what this kernel does not let us observe.
func (p *Probe) Missing() []string { return nil }

// Close detaches everything. It waits for a Read that is under way.
func (p *Probe) Close() error { return nil }
