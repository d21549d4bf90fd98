//go:build linux

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// scratch makes an empty directory in -dir, or a tmpfs: of what the runs write,
// up to twice the size of the module set and a recording are there at a time.
// /dev/shm would not do, in a container it has 64 MB.
func (o *options) scratch() (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp(o.dir, "gopx-trace-bench-"); err != nil {
		return "", nil, err
	}
	if o.dir != "" {
		return dir, func() { os.RemoveAll(dir) }, nil
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID, "mode=0755"); err != nil {
		os.Remove(dir)
		return "", nil, fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	// A program that was interrupted may still hold the mount.
	return dir, func() {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		os.Remove(dir)
	}, nil
}
