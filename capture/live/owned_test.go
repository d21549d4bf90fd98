//go:build linux

package live

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

func TestOwner(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pid   int
		start uint64
		ok    bool
	}{
		{"gopx-trace-12-345", 12, 345, true},
		{"gopx-trace-12", 0, 0, false},
		{"gopx-trace--1-2", 0, 0, false},
		{"gopx-trace-0-2", 0, 0, false},
		{"gopx-trace-1-2-3", 0, 0, false},
		{"user.slice", 0, 0, false},
	} {
		pid, start, ok := owner(tt.name)
		if ok != tt.ok || ok && (pid != tt.pid || start != tt.start) {
			t.Errorf("%s: %d %d %v", tt.name, pid, start, ok)
		}
	}
}

func TestLeftovers(t *testing.T) {
	parent := t.TempDir()
	self, err := ownedName(proc)
	if err != nil {
		t.Fatal(err)
	}
	dead := "gopx-trace-" + strconv.Itoa(os.Getpid()) + "-1" // our pid, of another life
	locked := "gopx-trace-999999999-1"                       // of another PID namespace
	for _, name := range []string{self, dead, locked, "other"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l, err := lock(filepath.Join(parent, locked))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if diff := cmp.Diff([]string{filepath.Join(parent, dead)}, leftovers(proc, parent)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestKeyDir(t *testing.T) {
	needRoot(t)
	parent := filepath.Join(t.TempDir(), "run")
	u := invoker.User{UID: 54321, GID: 54322}
	k, err := newKeyDir(proc, parent, u)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{k.dir: os.ModeDir | 0o700, k.file(): 0o600} {
		fi, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode() != mode {
			t.Errorf("%s: mode %v, want %v", name, fi.Mode(), mode)
		}
	}
	k.remove()
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// The user reaches the key log whatever umask the run, or the one that made the
// directory, was started with.
func TestKeyDirUnderUmask(t *testing.T) {
	needRoot(t)
	defer syscall.Umask(syscall.Umask(0o077))
	top := t.TempDir()
	// Those above are the test's own and made under a umask too.
	if err := errors.Join(os.Chmod(filepath.Dir(top), 0o711), os.Chmod(top, 0o711)); err != nil {
		t.Fatal(err)
	}
	u := invoker.User{UID: 54321, GID: 54322}
	for _, parent := range []string{filepath.Join(top, "new"), filepath.Join(top, "old")} {
		if filepath.Base(parent) == "old" {
			if err := os.Mkdir(parent, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		k, err := newKeyDir(proc, parent, u)
		if err != nil {
			t.Fatal(err)
		}
		defer k.remove()
		var f *os.File
		if derr := u.Do(func() { f, err = os.OpenFile(k.file(), os.O_WRONLY|os.O_APPEND, 0) }); derr != nil || err != nil {
			t.Errorf("%s: %v, %v", filepath.Base(parent), derr, err)
			continue
		}
		f.Close()
	}
}

// A directory that somebody else put there is not used.
func TestKeyDirOfSomebodyElse(t *testing.T) {
	needRoot(t)
	parent := filepath.Join(t.TempDir(), "run")
	if err := errors.Join(os.Mkdir(parent, 0o755), os.Chown(parent, 54321, 54321)); err != nil {
		t.Fatal(err)
	}
	if _, err := newKeyDir(proc, parent, invoker.Self()); err == nil {
		t.Error("no error")
	}
}

func TestCgroup2Mount(t *testing.T) {
	const v1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	for _, tt := range []struct {
		table, point, root string
		ok                 bool
	}{
		{v1 + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified", "/", true},
		{"30 23 0:26 /box /sys/fs/cgroup rw shared:4 - cgroup2 none rw", "/sys/fs/cgroup", "/box", true},
		{v1, "", "", false},
		{"cgroup2 - cgroup2", "", "", false},
	} {
		point, root, ok := cgroup2Mount([]byte(tt.table))
		if point != tt.point || root != tt.root || ok != tt.ok {
			t.Errorf("%q: %q %q %v", tt.table, point, root, ok)
		}
	}
}

func TestOwnGroup(t *testing.T) {
	for _, tt := range []struct {
		self, root, want string
		ok               bool
	}{
		{"0::/\n", "/", "/", true},
		{"8:pids:/x\n0::/user.slice/a b\n", "/", "/user.slice/a b", true},
		{"0::/box/inner\n", "/box", "/inner", true},
		{"0::/box\n", "/box", "/", true},
		{"0::/boxes\n", "/box", "", false},
		{"0::/../outside\n", "/", "", false},
		{"8:pids:/x\n", "/", "", false},
		{"", "/", "", false},
	} {
		got, ok := ownGroup([]byte(tt.self), tt.root)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%q below %q: %q %v", tt.self, tt.root, got, ok)
		}
	}
}

func FuzzCgroupFiles(f *testing.F) {
	f.Add([]byte("41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"), []byte("0::/a\n"), "/")
	f.Add([]byte(" - cgroup2 "), []byte("0::"), "/a")
	f.Fuzz(func(t *testing.T, table, self []byte, root string) {
		if point, _, ok := cgroup2Mount(table); ok && !filepath.IsAbs(point) {
			t.Errorf("mount point %q", point)
		}
		if rel, ok := ownGroup(self, root); ok && (!filepath.IsAbs(rel) || filepath.Clean(rel) != rel) {
			t.Errorf("group %q", rel)
		}
	})
}

// kill reaches what runs in a cgroup below.
func TestKillGroup(t *testing.T) {
	needRoot(t)
	g, err := newGroup(proc)
	if errors.Is(err, bpf.ErrNoCgroup2) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(g.dir, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	var cmds []*exec.Cmd
	for _, dir := range []string{g.dir, below} {
		f, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd := exec.Command("sleep", "60")
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		cmds = append(cmds, cmd)
	}
	if err := g.kill(); err != nil {
		t.Error(err)
	}
	for _, cmd := range cmds {
		var e *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &e) || e.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("%v, want killed", err)
		}
	}
	if err := os.Remove(below); err != nil {
		t.Error(err)
	}
	if _, err := g.remove(); err != nil {
		t.Error(err)
	}
	if err := g.kill(); err == nil {
		t.Error("no error from a cgroup that is gone")
	}
}

// What a killed run left is removed, and what still runs in it goes on.
func TestGroupOfADeadRun(t *testing.T) {
	needRoot(t)
	parents, err := groupParents(proc)
	if errors.Is(err, bpf.ErrNoCgroup2) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(parents[0], "gopx-trace-"+strconv.Itoa(os.Getpid())+"-1")
	if err := os.Mkdir(dead, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if err := os.WriteFile(filepath.Join(dead, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	g, err := newGroup(proc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dead)
	}
	if _, err := g.remove(); err != nil {
		t.Error(err)
	}
	if _, err := startTime(proc, cmd.Process.Pid); err != nil {
		t.Errorf("the process was ended: %v", err)
	}
}

// Runs that were killed inside of a run that was killed are removed with it,
// however deep; a run that lives, and what is not of a run, are left alone.
func TestGroupsOfDeadRunsInside(t *testing.T) {
	needRoot(t)
	parents, err := groupParents(proc)
	if errors.Is(err, bpf.ErrNoCgroup2) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := func(start int) string { return ownedPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(start) }
	dead := mustGroups(t, parents[0], name(1), name(2), name(3))
	busy := mustGroups(t, parents[0], name(4), name(5))
	foreign := mustGroups(t, parents[0], name(6), "not-of-a-run", name(7))
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if err := os.WriteFile(filepath.Join(dead, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	lives, err := lock(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer lives.Close()
	g, err := newGroup(proc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(parents[0], name(1))); !os.IsNotExist(err) {
		t.Error("the dead runs are still there")
	}
	for _, dir := range []string{busy, foreign} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("not to be touched: %v", err)
		}
	}
	if _, err := startTime(proc, cmd.Process.Pid); err != nil {
		t.Errorf("the process was ended: %v", err)
	}
}

// mustGroups makes cgroups, each in the one before, and returns the innermost.
func mustGroups(t *testing.T, dir string, names ...string) string {
	t.Helper()
	for _, name := range names {
		dir = filepath.Join(dir, name)
		made := dir
		if err := os.Mkdir(made, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(made) })
	}
	return dir
}
