//go:build linux

package live

import (
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

// order is what the stub is told to become.
type order struct {
	// Paths are tried in turn, as execvp(3) does along PATH.
	Paths []string
	Argv  []string
	Env   []string
	Dir   string // empty: stay
	User  invoker.User
	// Signals are what the command is to find of them.
	Signals dispositions
}

// answer is the stub's report that it could not become the command.
type answer struct {
	Step  string // "", "setgroups", ..., "exec"
	Errno syscall.Errno
}

// Stub waits for the order on its first descriptor, takes the user's identity
// and becomes the command. The parent needs the time between to place the
// process into a cgroup and to watch its mounts before the first execve.
// It does not return. A parent that dies leaves nothing running.
func Stub() {
	os.Exit(stub(os.Args))
}

// stub returns the exit code of a stub that could not become the command.
func stub(args []string) int {
	if len(args) == 2 && args[1] == witnessRole {
		return standBy(os.Stdin, os.Stdout)
	}
	if len(args) != 3 {
		fmt.Fprintf(os.Stderr, "gopx-trace: error: %s is not to be run by hand\n", StubName)
		return exitFailure
	}
	orders, err1 := stubFile(args[1])
	answers, err2 := stubFile(args[2])
	if err := errors.Join(err1, err2); err != nil {
		fmt.Fprintf(os.Stderr, "gopx-trace: error: %v\n", err)
		return exitFailure
	}
	var o order
	if err := gob.NewDecoder(orders).Decode(&o); err != nil {
		return exitFailure // the parent is gone or gave up; it has said why
	}
	a := o.become()
	if err := gob.NewEncoder(answers).Encode(a); err != nil {
		return exitFailure
	}
	return exitFailure
}

// stubFile opens an inherited descriptor and keeps it from the command.
func stubFile(number string) (*os.File, error) {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return os.NewFile(uintptr(fd), "pipe"), nil
}

// become replaces this process by the command. It returns only if it failed.
func (o order) become() answer {
	runtime.LockOSThread()
	for _, s := range o.Signals.Ignored {
		signal.Ignore(s)
	}
	if a := o.drop(); a.Errno != 0 {
		return a
	}
	if o.Dir != "" {
		if err := syscall.Chdir(o.Dir); err != nil {
			return failed("chdir", err)
		}
	}
	if err := block(o.Signals.Blocked); err != nil {
		return failed("sigprocmask", err)
	}
	return failed("exec", o.exec())
}

// block sets the mask of this thread, which is the one that execve keeps. The
// lowest bit of blocked is signal 1.
func block(blocked uint64) error {
	if blocked == 0 {
		return nil
	}
	var set unix.Sigset_t
	width := 1024 / len(set.Val) // bits of a word (bits/types/__sigset_t.h of glibc)
	for n := range 64 {
		if blocked>>n&1 != 0 {
			set.Val[n/width] |= 1 << (n % width)
		}
	}
	return unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil)
}

// drop takes the identity of the user, groups first: without root they could
// not be changed any more.
func (o order) drop() answer {
	if os.Geteuid() != 0 || o.User.UID == 0 {
		return answer{}
	}
	groups := make([]int, len(o.User.Groups))
	for i, g := range o.User.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return failed("setgroups", err)
	}
	gid, uid := int(o.User.GID), int(o.User.UID)
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return failed("setgid", err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return failed("setuid", err)
	}
	return answer{}
}

// exec tries the paths as execvp(3) does: one that is not there is passed over,
// a refused one is remembered, a file of unknown format is a shell script.
// syscall.Exec also gives the command the descriptor limit that this process
// was started with.
func (o order) exec() error {
	var refused error
	for _, path := range o.Paths {
		err := syscall.Exec(path, o.Argv, o.Env)
		if err == syscall.ENOEXEC {
			err = syscall.Exec("/bin/sh", append([]string{"sh", path}, o.Argv[1:]...), o.Env)
		}
		switch err {
		case syscall.ENOENT, syscall.ENOTDIR:
		case syscall.EACCES:
			refused = err
		default:
			return err
		}
	}
	if refused != nil {
		return refused
	}
	return syscall.ENOENT
}

// failed makes an answer of an error of package syscall.
func failed(step string, err error) answer {
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno == 0 {
		errno = syscall.EINVAL
	}
	return answer{Step: step, Errno: errno}
}
