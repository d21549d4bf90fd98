//go:build linux

package invoker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// process is an entry of a made-up /proc.
type process struct {
	pid, ppid int
	comm      string
	uid       int
	setuid    bool // effective, saved and file-system id are 0
	groups    string
	environ   []byte
	cmdline   []byte
}

// mustProc writes a /proc.
func mustProc(t *testing.T, ps ...process) Paths {
	t.Helper()
	root := t.TempDir()
	for _, p := range ps {
		dir := filepath.Join(root, strconv.Itoa(p.pid))
		uid := strconv.Itoa(p.uid)
		euid := uid
		if p.setuid {
			euid = "0"
		}
		for name, content := range map[string]string{
			"stat":    strconv.Itoa(p.pid) + " (" + p.comm + ") S " + strconv.Itoa(p.ppid) + " 1 1",
			"comm":    p.comm + "\n",
			"status":  "Name:\t" + p.comm + "\nUid:\t" + uid + "\t" + euid + "\t" + euid + "\t" + euid + "\nGroups:\t" + p.groups + "\n",
			"environ": string(p.environ),
			"cmdline": string(p.cmdline),
		} {
			err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return Paths{Proc: root, Environment: filepath.Join(root, "environment")}
}

func TestFind(t *testing.T) {
	shell := process{pid: 10, ppid: 1, comm: "bash", uid: 4242, groups: "4242 27 999"}
	sudo := process{
		pid: 20, ppid: 10, comm: "sudo", environ: nul("HOME=/home/u", "GOPROXY=https://mod.test"),
		cmdline: nul("sudo", "gopx-trace", "go", "get"),
	}
	env := []string{"HOME=/root", "SUDO_UID=4242", "SUDO_GID=4243", "PATH=/sbin"}
	self := Self()
	recovered := Invoker{
		User: User{UID: 4242, GID: 4243, Groups: []uint32{4242, 27, 999}}, Sudo: true, SudoPID: 20,
		Env: []string{"HOME=/home/u", "GOPROXY=https://mod.test"},
	}
	// With a terminal for the command sudo runs as two processes, which keep
	// the user's real id and have the groups of root.
	sudo.uid, sudo.setuid, sudo.groups = 4242, true, "0"
	monitor := sudo
	monitor.pid, monitor.ppid = 21, 20
	onTerminal := recovered
	onTerminal.SudoPID = 21
	// The first process of a container has no caller to ask.
	first, inContainer := sudo, recovered
	first.pid, first.ppid = 1, 0
	inContainer.SudoPID, inContainer.User.Groups = 1, []uint32{4243}
	for _, tt := range []struct {
		name  string
		procs []process
		env   []string
		want  Invoker
	}{
		{"no sudo", []process{shell, {pid: 30, ppid: 10, comm: "gopx-trace"}}, []string{"HOME=/root"},
			Invoker{User: self, Env: []string{"HOME=/root"}}},
		{"the variable alone proves nothing", []process{shell, {pid: 30, ppid: 10, comm: "gopx-trace"}}, env,
			Invoker{User: self, Env: env}},
		{"direct", []process{shell, sudo, {pid: 30, ppid: 20, comm: "gopx-trace"}}, env, recovered},
		{"a shell between", []process{shell, sudo, {pid: 25, ppid: 20, comm: "sh (x) y"}, {pid: 30, ppid: 25, comm: "gopx-trace"}}, env, recovered},
		{"on a terminal", []process{shell, sudo, monitor, {pid: 30, ppid: 21, comm: "gopx-trace"}}, env, onTerminal},
		{"sudo is the first process", []process{first, {pid: 30, ppid: 1, comm: "gopx-trace"}}, env, inContainer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Find(mustProc(t, tt.procs...), 30, tt.env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A process that is set-user-ID has the user's real id and not the user's
// groups.
func TestGroupsOfSetuidCaller(t *testing.T) {
	caller := process{pid: 10, ppid: 1, comm: "screen", uid: 54321, setuid: true, groups: "0"}
	p := mustProc(t, caller, process{pid: 20, ppid: 10, comm: "sudo"}, process{pid: 30, ppid: 20, comm: "gopx-trace"})
	got, err := Find(p, 30, []string{"SUDO_UID=54321", "SUDO_GID=54322"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint32{54322}, got.User.Groups); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Without the shell's groups those of the user database are taken, and at the
// least the user's own group.
func TestGroupsWithoutShell(t *testing.T) {
	sudo := process{pid: 20, ppid: 1, comm: "sudo"}
	p := mustProc(t, sudo, process{pid: 30, ppid: 20, comm: "gopx-trace"})
	got, err := Find(p, 30, []string{"SUDO_UID=54321", "SUDO_GID=54322"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint32{54322}, got.User.Groups); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestFindUnreadableEnvironment(t *testing.T) {
	p := mustProc(t, process{pid: 20, ppid: 1, comm: "sudo"}, process{pid: 30, ppid: 20, comm: "gopx-trace"})
	if err := os.Remove(filepath.Join(p.Proc, "20", "environ")); err != nil {
		t.Fatal(err)
	}
	got, err := Find(p, 30, []string{"SUDO_UID=1", "SUDO_GID=1", "A=b"})
	if err != nil || got.Note == "" || len(got.Env) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFindMalformedIDs(t *testing.T) {
	p := mustProc(t, process{pid: 20, ppid: 1, comm: "sudo"}, process{pid: 30, ppid: 20, comm: "gopx-trace"})
	for _, env := range [][]string{
		{"SUDO_UID=-1", "SUDO_GID=1"},
		{"SUDO_UID=x", "SUDO_GID=1"},
		{"SUDO_UID=4294967296", "SUDO_GID=1"},
		{"SUDO_UID=1"},
	} {
		if got, err := Find(p, 30, env); err == nil {
			t.Errorf("%v: %+v", env, got)
		}
	}
}

// What the user may not read cannot be read, and the other threads keep their
// rights.
func TestDo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be somebody else")
	}
	dir, err := os.MkdirTemp("", "") // not below the test's own, which is root's alone
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const uid, gid, group = 54321, 54322, 54323
	mustFile := func(name string, mode os.FileMode, owner, of int) string {
		path := filepath.Join(dir, name)
		err := errors.Join(os.WriteFile(path, []byte("x"), mode), os.Chown(path, owner, of), os.Chmod(path, mode))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	files := map[string]bool{
		mustFile("roots", 0o600, 0, 0):         false,
		mustFile("theirs", 0o600, uid, gid):    true,
		mustFile("by-gid", 0o640, 0, gid):      true,
		mustFile("by-group", 0o640, 0, group):  true,
		mustFile("other-group", 0o640, 0, 999): false,
	}
	got := map[string]bool{}
	err = User{UID: uid, GID: gid, Groups: []uint32{group}}.Do(func() {
		for f := range files {
			_, err := os.ReadFile(f)
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Error(err)
			}
			got[f] = err == nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for f := range files {
		if _, err := os.ReadFile(f); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func FuzzProcFiles(f *testing.F) {
	f.Add([]byte("30 (a) b) S 20 1"), []byte("Uid:\t1\t1\nGroups:\t1 2 3\n"))
	f.Add([]byte(")"), []byte("Groups:"))
	f.Fuzz(func(t *testing.T, stat, status []byte) {
		if ppid, ok := parentPID(stat); ok && ppid <= 0 {
			t.Errorf("parent %d of %q", ppid, stat)
		}
		if groups, ok := statusGroups(status, 1); ok && !strings.Contains(string(status), "Groups") {
			t.Errorf("groups %v of %q", groups, status)
		}
	})
}
