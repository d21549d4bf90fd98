//go:build linux

package gate

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringParams has the size of struct io_uring_params (include/uapi/linux/io_uring.h);
// zeros ask for nothing special.
type ringParams [120]byte

// registerFiles is IORING_REGISTER_FILES.
const registerFiles = 2

// closeLater closes a descriptor of fanotify without waiting for the kernel.
//
// The last close(2), or the end of the process, waits until all marks are gone, even
// those that were flushed before (fsnotify_wait_marks_destroyed, fs/notify/mark.c):
// for a timer tick and an SRCU grace period, 10 to 40 ms. If an io_uring holds the
// file last, a worker of the kernel closes it (io_ring_exit_work,
// io_uring/io_uring.c). So it is given to one that does nothing, and that is let go.
// Where that is not possible it is closed as usual.
func closeLater(fd int) {
	var params ringParams
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno == 0 {
		defer unix.Close(int(ring)) // after ours
		file := int32(fd)
		_, _, _ = unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, registerFiles, uintptr(unsafe.Pointer(&file)), 1, 0, 0)
	}
	unix.Close(fd)
}
