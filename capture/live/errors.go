//go:build linux

package live

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/bpf"
)

// failure is our own failure, without a hint.
func failure(format string, args ...any) *StartError {
	return &StartError{Err: fmt.Errorf(format, args...), Code: exitFailure}
}

// kernelError explains why the kernel side could not be set up for argv.
func kernelError(err error, argv []string) *StartError {
	e := &StartError{Err: err, Code: exitFailure}
	switch {
	case errors.Is(err, bpf.ErrNotPermitted), errors.Is(err, fs.ErrPermission):
		return notPermitted(err, argv)
	case errors.Is(err, bpf.ErrNoBTF):
		e.Hints = []string{
			"run a kernel built with CONFIG_DEBUG_INFO_BTF=y, as the large distributions do (Debian 11, Ubuntu 20.10, RHEL 8.2 and later)",
			"check with: ls -l /sys/kernel/btf/vmlinux",
		}
	case errors.Is(err, bpf.ErrKernelTooOld):
		e.Hints = []string{
			"gopx-trace needs Linux " + minimumKernel + " or later; this is Linux " + kernelRelease(),
			"record on this machine with: tcpdump -i any -w go.pcap, then: gopx-trace report go.pcap",
		}
	case errors.Is(err, bpf.ErrNoCgroup2):
		return noCgroup2(err)
	case strings.Contains(err.Error(), unix.EMFILE.Error()): // cilium/ebpf wraps not all causes
		return tooFewDescriptors(err)
	}
	return e
}

// notPermitted says how to run the same with the rights it needs. Root without
// them is in a container.
func notPermitted(err error, argv []string) *StartError {
	e := &StartError{Err: ErrNeedsRoot, Code: exitFailure, Hints: []string{"sudo gopx-trace -- " + Quote(argv)}}
	if unix.Geteuid() == 0 {
		e.Err = fmt.Errorf("root lacks rights here: %w", err)
		e.Hints = []string{"in a container give it: --privileged --pid=host --cgroupns=host"}
	}
	return e
}

// noCgroup2 says how to mount the cgroup file system.
func noCgroup2(err error) *StartError {
	return &StartError{
		Err: err,
		Hints: []string{
			"sudo mkdir -p /sys/fs/cgroup/unified && sudo mount -t cgroup2 none /sys/fs/cgroup/unified",
		},
		Code: exitFailure,
	}
}

// readOnlyGroups says how to make the cgroup file system writable. Container
// runtimes mount it read-only (also for root).
func readOnlyGroups(err error) *StartError {
	e := failure("no cgroup can be made for the command: %w", err)
	e.Hints = []string{
		"sudo mount -o remount,rw " + cgroupPoint(proc),
		"in a container give it a writable one: --privileged --cgroupns=host",
	}
	return e
}

// noProc says how to mount the process files.
func noProc(err error) *StartError {
	e := failure("no proc file system is mounted on %s: %w", proc, err)
	e.Hints = []string{"sudo mount -t proc proc " + proc}
	return e
}

// tooFewDescriptors says how to raise the limit, which is that of the shell.
func tooFewDescriptors(err error) *StartError {
	e := failure("too few file descriptors for tracing: %w", err)
	e.Hints = []string{"ulimit -n 4096   # then the same again"}
	return e
}

// minimumKernel is the oldest release that has all that cannot be done
// without: the sleepable uprobe.
const minimumKernel = "6.0"

// kernelRelease is the running kernel's version, e.g. 6.18.44.
func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
