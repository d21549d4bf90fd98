//go:build linux

package live

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// launch is a stub that waits for its order.
type launch struct {
	process *os.Process
	orders  *os.File
	answers *os.File
}

// firstFD is where the stub's descriptors are looked for: above those that a
// shell may have opened for the command, which it must find unchanged.
const firstFD = 10

// start starts the stub in the cgroup and, if private is set, in a copy of our
// mount namespace. CLONE_NEWNS and not unshare: the copy must keep the
// propagation of each mount, and package syscall makes all of them private
// after an unshare.
func start(o Options, g *group, private bool) (*launch, error) {
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ordersR.Close()
	answersR, answersW, err := os.Pipe()
	if err != nil {
		ordersW.Close()
		return nil, err
	}
	defer answersW.Close()
	l := &launch{orders: ordersW, answers: answersR}
	if l.process, err = startStub(o, g, private, ordersR, answersW); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// startStub starts the process with its two ends of the pipes.
func startStub(o Options, g *group, private bool, orders, answers *os.File) (*os.Process, error) {
	attr := &os.ProcAttr{
		Env:   []string{}, // nothing that would steer our own runtime
		Files: []*os.File{or(o.Stdin, os.Stdin), or(o.Stdout, os.Stdout), or(o.Stderr, os.Stderr)},
		Sys:   &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.file.Fd())},
	}
	if private {
		attr.Sys.Cloneflags = syscall.CLONE_NEWNS
	}
	in, err := inheritable(orders)
	if err != nil {
		return nil, err
	}
	defer unix.Close(in)
	out, err := inheritable(answers)
	if err != nil {
		return nil, err
	}
	defer unix.Close(out)
	return os.StartProcess(o.Exe, []string{StubName, strconv.Itoa(in), strconv.Itoa(out)}, attr)
}

// inheritable duplicates a descriptor so that a child gets it under the same
// number. The caller starts no other process meanwhile.
func inheritable(f *os.File) (int, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, firstFD)
	if err != nil {
		return 0, fmt.Errorf("duplicate a descriptor: %w", err)
	}
	return fd, nil
}

// or returns the first file that is not nil.
func or(f, fallback *os.File) *os.File {
	if f != nil {
		return f
	}
	return fallback
}

// release orders the stub to become the command and waits until it has, or
// says why not.
func (l *launch) release(o order) (answer, error) {
	defer l.close()
	if err := gob.NewEncoder(l.orders).Encode(o); err != nil {
		return answer{}, fmt.Errorf("the stub of the command is gone: %w", err)
	}
	var a answer
	err := gob.NewDecoder(l.answers).Decode(&a)
	if errors.Is(err, io.EOF) { // closed by a successful execve
		return answer{}, nil
	}
	return a, err
}

// close closes our ends. A stub that has no order yet then ends by itself.
func (l *launch) close() {
	l.orders.Close()
	l.answers.Close()
}
