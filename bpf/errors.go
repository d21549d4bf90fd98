package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// Errors of [Load] and [Probe.AttachTLS], for errors.Is.
var (
	// ErrNotPermitted says that the caller may not load or attach programs: it
	// needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, which root has.
	ErrNotPermitted = errors.New("not permitted to load BPF programs")
	// ErrNoBTF says that the kernel does not describe its own types: it was
	// built without CONFIG_DEBUG_INFO_BTF.
	ErrNoBTF = errors.New("the kernel has no BTF type information")
	// ErrKernelTooOld says that the kernel lacks something that cannot be done
	// without. It wraps ebpf.ErrNotSupported.
	ErrKernelTooOld = fmt.Errorf("kernel too old: %w", ebpf.ErrNotSupported)
	// ErrNoCgroup2 says that Options.Cgroup is no directory of a cgroup2
	// file system.
	ErrNoCgroup2 = errors.New("not a cgroup2 directory")
	// ErrNoGoTLS says that an executable is no Go program, or that it does not
	// contain crypto/tls.
	ErrNoGoTLS = errors.New("no Go TLS in the executable")
)
