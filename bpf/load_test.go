//go:build linux

package bpf

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

func TestLoadErrors(t *testing.T) {
	if _, err := Load(Options{Cgroup: "/nonexistent"}); !errors.Is(err, ErrNoCgroup2) {
		t.Errorf("no directory: %v, want %v", err, ErrNoCgroup2)
	}
	if _, err := Load(Options{Cgroup: t.TempDir()}); !errors.Is(err, ErrNoCgroup2) {
		t.Errorf("another file system: %v, want %v", err, ErrNoCgroup2)
	}
	if !errors.Is(ErrKernelTooOld, ebpf.ErrNotSupported) {
		t.Errorf("%v does not wrap %v", ErrKernelTooOld, ebpf.ErrNotSupported)
	}
}

// An ordinary user is told that it is the permission that is missing.
func TestLoadNotPermitted(t *testing.T) {
	needRoot(t)
	cmd := self("permit", cgroup2(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Stderr = nil
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestClassify(t *testing.T) {
	if err := classify(unix.EPERM); !errors.Is(err, ErrNotPermitted) || !errors.Is(err, unix.EPERM) {
		t.Errorf("EPERM: %v", err)
	}
	if err := classify(ebpf.ErrNotSupported); !errors.Is(err, ErrKernelTooOld) {
		t.Errorf("not supported: %v", err)
	}
	if err := classify(os.ErrInvalid); !errors.Is(err, os.ErrInvalid) || errors.Is(err, ErrNotPermitted) {
		t.Errorf("another: %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		o       Options
		ring    int
		snaplen uint32
	}{
		{Options{}, 64 << 20, 256 << 10},
		{Options{RingBytes: 1, Snaplen: 1}, 128 << 10, 128},
		{Options{RingBytes: 3 << 20, Snaplen: 1500}, 4 << 20, 1500},
		{Options{RingBytes: 4 << 20, Snaplen: 1 << 30}, 4 << 20, 256 << 10},
		{Options{RingBytes: 1 << 40}, 1 << 30, 256 << 10},
	} {
		if ring, snaplen := test.o.ringBytes(), test.o.snaplen(); ring != test.ring || snaplen != test.snaplen {
			t.Errorf("%+v: ring %d, snaplen %d; want %d, %d", test.o, ring, snaplen, test.ring, test.snaplen)
		}
	}
}

// When the tracer is killed nothing of it stays on the cgroup.
func TestKill(t *testing.T) {
	dir := newCgroup(t)
	cmd := self("load", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "loaded\n" {
		t.Fatalf("child says %q: %v", line, err)
	}
	if n := attached(t, dir); n == 0 {
		t.Error("nothing is attached while the tracer lives")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	n := attached(t, dir)
	for range 100 {
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
		n = attached(t, dir)
	}
	t.Errorf("%d programs are still attached", n)
}

// attached counts the programs on a cgroup.
func attached(t *testing.T, dir string) int {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for _, at := range []ebpf.AttachType{ebpf.AttachCGroupInetIngress, ebpf.AttachCGroupInetEgress, ebpf.AttachCGroupInet4Connect} {
		r, err := link.QueryPrograms(link.QueryOptions{Target: int(f.Fd()), Attach: at})
		if err != nil {
			t.Fatal(err)
		}
		n += len(r.Programs)
	}
	return n
}

// Programs that the kernel does not have are left out, with a sentence.
func TestMissing(t *testing.T) {
	needRoot(t)
	s, err := openScope(newCgroup(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spec, err := Options{RingBytes: 1 << 20}.spec(s)
	if err != nil {
		t.Fatal(err)
	}
	spec.Programs[gopxProgSocketError].AttachTo = "no_such_tracepoint"
	spec.Programs[gopxProgConnected].AttachTo = "no/such_event"
	p, err := newLoader(s).start(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if len(p.Missing()) != 2 {
		t.Errorf("missing: %q, want two sentences", p.Missing())
	}
	spec.Programs[gopxProgPacketIn].Instructions = nil
	if _, err := newLoader(s).start(spec, nil); err == nil {
		t.Error("no error without a required program")
	}
}

// The uprobe as kernels before 6.6 have it.
func TestPerfUprobe(t *testing.T) {
	server := newTLSServer(t)
	path, _ := buildModes()[0].build(t, t.TempDir())
	dir := newCgroup(t)
	s, err := openScope(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spec, err := Options{RingBytes: 1 << 20}.spec(s)
	if err != nil {
		t.Fatal(err)
	}
	spec.Programs[gopxProgKeylog].AttachType = ebpf.AttachNone
	p, err := newLoader(s).start(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	w := &watched{p, t, dir}
	ex, err := link.OpenExecutable(path)
	if err != nil {
		t.Fatal(err)
	}
	up, err := perfUprobe(ex, w.keylog, mustFind(t, path, keylogFunc))
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	_, samples := w.run(exec.Command(path, server.address, "13"))
	if got, want := lines(samples), server.take(); len(got) != len(want) {
		t.Errorf("%d secrets, want %d", len(got), len(want))
	}
}
