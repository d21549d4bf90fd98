//go:build linux

package bpf

import (
	"errors"
	"fmt"
	"math/bits"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

const (
	defaultRingBytes = 64 << 20
	minRingBytes     = 128 << 10
	maxRingBytes     = 1 << 30
	// maxSnaplen is PACKET_MAX of packet.bpf.h.
	maxSnaplen = 256 << 10
	minSnaplen = 128
	// wakeParts is in how many parts of the ring, each a power of two, the reader is
	// woken: at 2 GB/s a part is there every 4 ms, and as much as seven of them may
	// come until the reader has a CPU.
	wakeParts = 8
)

// optional returns the programs without which tracing still makes sense, and the
// sentence that says what is missing then.
func optional() map[string]string {
	return map[string]string{
		gopxProgResetOut:    "resets that this host sends are seen as packets only: the kernel has no tracepoint tcp_send_reset",
		gopxProgResetIn:     "resets that arrive are seen as packets only: the kernel has no tracepoint tcp_receive_reset",
		gopxProgRetransmit:  "retransmissions are not marked by the kernel: it has no tracepoint tcp_retransmit_skb",
		gopxProgSocketError: "asynchronous socket errors are not observed: the kernel has no tracepoint inet_sk_error_report",
		gopxProgConnected:   "results of connect(2) are not observed: the tracepoint syscalls/sys_exit_connect cannot be used",
	}
}

// spec returns what is to be loaded, with the constants of ring.bpf.h set.
func (o Options) spec(s *scope) (*ebpf.CollectionSpec, error) {
	spec, err := loadGopx()
	if err != nil {
		return nil, err
	}
	size := o.ringBytes()
	ring := spec.Maps[gopxMapRing]
	ring.MaxEntries = uint32(size)
	// The type of its records is for bpf2go; the kernel wants none of a ring.
	ring.Key, ring.Value = nil, nil
	constants := map[string]any{
		gopxVarScopeId:       s.id,
		gopxVarScopeLevel:    s.level,
		gopxVarScopeLevelMax: s.levelMax,
		gopxVarPacketLimit:   uint64(size - size/16),
		gopxVarSnaplen:       o.snaplen(),
		gopxVarWakeBytes:     uint64(size / wakeParts),
	}
	for name, value := range constants {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return spec, nil
}

func (o Options) ringBytes() int {
	n := o.RingBytes
	if n <= 0 {
		n = defaultRingBytes
	}
	n = min(max(n, minRingBytes), maxRingBytes)
	return 1 << bits.Len(uint(n-1))
}

func (o Options) snaplen() uint32 {
	if o.Snaplen <= 0 {
		return maxSnaplen
	}
	return uint32(min(max(o.Snaplen, minSnaplen), maxSnaplen))
}

// classify adds the sentinel error that err amounts to.
func classify(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES) && os.Geteuid() != 0, !permitted():
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	case !haveBTF():
		return fmt.Errorf("%w: %w", ErrNoBTF, err)
	case errors.Is(err, ebpf.ErrNotSupported), olderThan(6, 0):
		return fmt.Errorf("%w: %w", ErrKernelTooOld, err)
	}
	return err
}

// permitted reports whether the kernel lets us make a map at all. Where it does
// not, probes for features that run side by side may take the refusal for a
// feature that is missing.
func permitted() bool {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return !errors.Is(err, unix.EPERM)
	}
	return m.Close() == nil
}

func haveBTF() bool {
	_, err := btf.LoadKernelSpec()
	return err == nil
}

// olderThan compares the running kernel's release. Sleepable uprobes are of 6.0;
// all else that is needed is older. It is asked only when loading has failed:
// distributions carry features back.
func olderThan(major, minor int) bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &a, &b); err != nil {
		return false
	}
	return a < major || a == major && b < minor
}
