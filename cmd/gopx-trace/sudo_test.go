//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// An ordinary user with HTTPS_PROXY exported calls sudo, which strips it: the
// trace is of the configuration that the user has, and nothing in the user's
// module cache belongs to root.
func TestSudoTracesTheUsersConfiguration(t *testing.T) {
	needRoot(t)
	u := ordinaryUser(t)
	f, _ := lab.FaultNamed("healthy-proxy")
	s := f.Build()
	s.UID, s.GID = u.uid, u.gid
	l, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir, err := l.Dir()
	if err != nil {
		t.Fatal(err)
	}
	exe := sharedExecutable(t)
	report := filepath.Join(dir, "t.json")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := l.Command(ctx, "setpriv", "--reuid="+u.name, "--regid="+strconv.Itoa(u.gid), "--init-groups",
		"sudo", "-n", exe, "-o", "json="+report, "go", "get", lab.HelloModule)
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	tr := mustReport(t, report)
	if tr.Command.UID != uint32(u.uid) || tr.Environment.Proxy["HTTPS_PROXY"] == "" {
		t.Errorf("uid %d, proxies %v", tr.Command.UID, tr.Environment.Proxy)
	}
	tunnels := 0
	for _, c := range tr.Connections {
		if c.Tunnel != nil && c.Tunnel.Status == 200 {
			tunnels++
		}
	}
	if tunnels == 0 {
		t.Errorf("the proxy was not used\n%s", stderr.String())
	}
	checkOwner(t, filepath.Dir(dir), u.uid)
	checkOwner(t, report, u.uid)
}

// checkOwner checks that everything below root is the user's.
func checkOwner(t *testing.T, root string, uid int) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		files++
		if got := st.Sys().(*syscall.Stat_t).Uid; int(got) != uid {
			t.Errorf("%s belongs to uid %d", path, got)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%s: %d files, %v", root, files, err)
	}
}

func mustReport(t *testing.T, path string) *trace.Trace {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace.Trace{}
	if err := json.Unmarshal(b, tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

type account struct {
	name     string
	uid, gid int
}

// ordinaryUser creates a user that may use sudo, for the time of a test.
func ordinaryUser(t *testing.T) account {
	t.Helper()
	for _, tool := range []string{"sudo", "useradd", "userdel", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
	}
	name := fmt.Sprintf("gopxcmd%d", os.Getpid())
	if out, err := exec.Command("useradd", "-m", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v %s", err, out)
	}
	rule := "/etc/sudoers.d/" + name
	t.Cleanup(func() {
		os.Remove(rule)
		if out, err := exec.Command("userdel", "-r", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v %s", err, out)
		}
	})
	if err := os.WriteFile(rule, []byte(name+" ALL=(ALL) NOPASSWD: ALL\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return account{name, uid, gid}
}

// sharedExecutable copies the test binary to where any user can run it.
func sharedExecutable(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "gopx-trace")
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(exe); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return exe
}

// Without root the error says what to type: the same words, behind sudo.
func TestNeedsRoot(t *testing.T) {
	needRoot(t) // to give it up
	exe := sharedExecutable(t)
	c := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", exe, "-v", "echo", "a b")
	c.Dir = "/"
	out, err := c.CombinedOutput()
	want := "gopx-trace: error: tracing needs root\ngopx-trace: hint: sudo " + exe + " -v echo 'a b'\n"
	if c.ProcessState.ExitCode() != exitFailure || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}
