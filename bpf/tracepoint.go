//go:build linux

package bpf

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// attachTracepoint attaches to a tracepoint named as in the events directory of
// tracefs, "group/name".
func attachTracepoint(event string, prog *ebpf.Program) (link.Link, error) {
	id, err := tracepointID(event)
	if err != nil {
		return nil, err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample: 1, Wakeup: 1}
	// The event must have a CPU, but its program runs on all of them.
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("perf_event_open: %w", err)
	}
	// The link keeps the event alive.
	defer unix.Close(fd)
	return link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: prog, Attach: ebpf.AttachPerfEvent})
}

// tracepointID reads the number of a tracepoint from a tracefs of our own that is
// mounted nowhere: the machine may have none, or not where we look.
func tracepointID(event string) (uint64, error) {
	root, err := mount("tracefs")
	if err != nil {
		return 0, err
	}
	defer unix.Close(root)
	path := "events/" + event + "/id"
	fd, err := unix.Openat(root, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var b [20]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return 0, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return strconv.ParseUint(strings.TrimSpace(string(b[:n])), 10, 64)
}

// mount returns the root of a file system of our own that is mounted nowhere. It
// goes away with the descriptor.
func mount(kind string) (int, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", kind, err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("%s: %w", kind, err)
	}
	root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", kind, err)
	}
	return root, nil
}
