//go:build linux

package invoker

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Do runs f on a thread whose file-system user, group and supplementary groups
// are those of u, so that the kernel decides what f may open as it would for
// the user. Other threads keep what they have. f must not start processes.
//
// A change of the file-system user away from 0 also takes the capabilities
// that override file permissions from the thread (capabilities(7)).
func (u User) Do(f func()) error {
	if u.UID == 0 {
		f()
		return nil
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the runtime ends the thread with the goroutine, so
		// that nothing else ever runs with these ids.
		runtime.LockOSThread()
		err := u.assume()
		if err == nil {
			f()
		}
		done <- err
	}()
	return <-done
}

// assume changes the file-system ids of the calling thread.
func (u User) assume() error {
	var p unsafe.Pointer
	if len(u.Groups) > 0 {
		p = unsafe.Pointer(&u.Groups[0])
	}
	// The raw call: the one of package syscall changes every thread.
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(u.Groups)), uintptr(p), 0)
	if errno != 0 {
		return fmt.Errorf("setgroups: %w", errno)
	}
	unix.SetfsgidRetGid(int(u.GID))
	unix.SetfsuidRetUid(int(u.UID))
	// setfsuid reports no error; a second call tells what is in force.
	if now, _ := unix.SetfsuidRetUid(-1); now != int(u.UID) {
		return fmt.Errorf("setfsuid %d: %w", u.UID, unix.EPERM)
	}
	return nil
}
