//go:build linux

package bpf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A shell that starts a shell that fails, then one that is killed.
func TestProcessTree(t *testing.T) {
	w := watch(t, Options{})
	root, samples := w.run(exec.Command("/bin/sh", "-c", `/bin/sh -c "exit 3"; /bin/sh -c 'kill -9 $$'; /bin/true; true`))
	defer dump(t, samples)
	var sh unix.Stat_t
	if err := unix.Stat("/bin/sh", &sh); err != nil {
		t.Fatal(err)
	}
	forks, execs, exits := ofKind(samples, KindFork), ofKind(samples, KindExec), ofKind(samples, KindExit)
	if len(forks) != 4 || len(execs) != 4 || len(exits) != 4 {
		t.Fatalf("%d forks, %d execs, %d exits; want 4 of each", len(forks), len(execs), len(exits))
	}
	if f := forks[0].Process; f.Child != root || f.Parent != uint32(os.Getpid()) {
		t.Errorf("first fork: %+v, want child %d of %d", f, root, os.Getpid())
	}
	for i, f := range forks[1:] {
		if f.Process.Parent != root || f.Process.Child != execs[i+1].PID || execs[i+1].Process.PPID != root {
			t.Errorf("fork %+v, exec of %d by %d; want child of %d", f.Process, execs[i+1].PID, execs[i+1].Process.PPID, root)
		}
	}
	if e := execs[1].Process; e.Exe != "/bin/sh" || string(e.Argv) != "/bin/sh\x00-c\x00exit 3\x00" || e.ArgvCut || e.Ino != sh.Ino || e.Dev != sh.Dev {
		t.Errorf("exec: %+v with %q, want /bin/sh, inode %d on %d", e, e.Argv, sh.Ino, sh.Dev)
	}
	status := map[uint32]uint32{execs[1].PID: 3 << 8, execs[2].PID: uint32(unix.SIGKILL), execs[3].PID: 0, root: 0}
	for _, s := range exits {
		if want, ok := status[s.PID]; !ok || s.Process.Status != want {
			t.Errorf("%d exits with %#x, want %#x", s.PID, s.Process.Status, want)
		}
	}
}

// Arguments and paths that are longer than there is room for.
func TestExecCut(t *testing.T) {
	deep := filepath.Join(t.TempDir(), strings.Repeat(strings.Repeat("d", 200)+"/", 5))
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(deep, "true")
	if err := os.Symlink("/bin/true", path); err != nil {
		t.Fatal(err)
	}
	w := watch(t, Options{})
	cmd := exec.Command(path, strings.Repeat("a", 5000))
	cmd.Args[0] = "short"
	_, samples := w.run(cmd)
	e := ofKind(samples, KindExec)[0].Process
	if want := ("short\x00" + strings.Repeat("a", 5000))[:1023]; string(e.Argv) != want || !e.ArgvCut {
		t.Errorf("argv %q, cut %t", e.Argv, e.ArgvCut)
	}
	if e.Exe != path[:1023] {
		t.Errorf("exe %q, want the first 1023 bytes of %q", e.Exe, path)
	}
}

// A process ends once, with its last thread, whichever that is; here many end at
// the same time.
func TestExitOnce(t *testing.T) {
	w := watch(t, Options{})
	const n = 20
	_, samples := w.run(exec.Command("/bin/sh", "-c", strings.Repeat("go version >/dev/null; ", n)))
	var exits []uint32
	for _, s := range ofKind(samples, KindExit) {
		exits = append(exits, s.PID)
	}
	slices.Sort(exits)
	if len(exits) != n+1 || len(slices.Compact(exits)) != n+1 {
		t.Errorf("%d exits, want %d different ones", len(exits), n+1)
	}
}

// A script is named as it was called; its inode is that of the interpreter.
func TestExecScript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ntrue\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var sh unix.Stat_t
	if err := unix.Stat("/bin/sh", &sh); err != nil {
		t.Fatal(err)
	}
	w := watch(t, Options{})
	_, samples := w.run(exec.Command(path))
	execs := ofKind(samples, KindExec)
	if len(execs) != 1 {
		t.Fatalf("%d execs, want 1", len(execs))
	}
	if e := execs[0].Process; e.Exe != path || e.Ino != sh.Ino || !bytes.HasPrefix(e.Argv, []byte("/bin/sh\x00")) {
		t.Errorf("%+v with %q", e, e.Argv)
	}
}
