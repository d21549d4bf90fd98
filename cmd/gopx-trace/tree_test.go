//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// GOPROXY=direct: git's own requests are opened and belong to git-remote-https,
// whose ancestors are complete up to go.
func TestGitTree(t *testing.T) {
	r := traceFault(t, "git-direct")
	processes := map[uint32]*trace.Process{}
	for _, p := range r.live.Processes {
		processes[p.PID] = p
	}
	purposes := map[string]int{}
	for _, q := range r.live.Requests {
		if q.Purpose != trace.PurposeGitRefs && q.Purpose != trace.PurposeGitPack {
			continue
		}
		purposes[q.Purpose]++
		p := processes[q.PID]
		if p == nil || !strings.HasPrefix(filepath.Base(p.Exe), "git-remote-http") || p.TLS != "gnutls" || p.Observed != "full" {
			t.Errorf("request %d %s belongs to %+v", q.ID, q.URL, p)
			continue
		}
		names := ancestors(processes, p)
		if !strings.HasPrefix(names, "git-remote-http") || !strings.Contains(names, " git ") || !strings.HasSuffix(names, " go") {
			t.Errorf("request %d: the process tree is %q", q.ID, names)
		}
	}
	if purposes[trace.PurposeGitRefs] == 0 || purposes[trace.PurposeGitPack] == 0 {
		t.Errorf("git's requests: %v\n%s", purposes, r.stderr)
	}
	for _, c := range r.live.Connections {
		for _, l := range c.TLS {
			if !l.Decrypted {
				t.Errorf("connection %d to %s is not opened", c.ID, l.ServerName)
			}
		}
	}
}

// ancestors names a process and those above it.
func ancestors(all map[uint32]*trace.Process, p *trace.Process) string {
	var names []string
	for ; p != nil && len(names) < 20; p = all[p.PPID] {
		names = append(names, filepath.Base(p.Exe))
	}
	return strings.Join(names, " ")
}

// A process outside of the traced tree that runs the same go binary at the same
// time leaves nothing.
func TestOthersLeaveNothing(t *testing.T) {
	needRoot(t)
	f, _ := lab.FaultNamed("healthy")
	l, err := lab.Start(f.Build())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- others(ctx, l) }()
	r := runTraced(t, l, f, nil)
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("the other go command: %v", err)
	}
	if len(r.live.Requests) == 0 {
		t.Fatalf("nothing was traced:\n%s", r.stderr)
	}
	for _, q := range r.live.Requests {
		if strings.Contains(q.URL, "quote") || q.PID != r.live.Processes[0].PID {
			t.Errorf("request of another process: pid %d %s", q.PID, q.URL)
		}
	}
	for _, p := range r.live.Processes {
		if strings.Contains(strings.Join(p.Argv, " "), "quote") {
			t.Errorf("another process: %v", p.Argv)
		}
	}
	raw, err := os.ReadFile(r.recording)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "quote") {
		t.Error("the recording holds bytes of another process")
	}
	for _, c := range r.live.Connections {
		if c.PID == 0 {
			t.Errorf("connection %d of an unknown process: %s", c.ID, c.Remote)
		}
	}
}

// others keeps fetching another module, untraced, until ctx ends; it must have
// succeeded at least once.
func others(ctx context.Context, l *lab.Lab) error {
	runs := 0
	for {
		dir, err := l.Dir()
		if err != nil {
			return err
		}
		c := l.Command(ctx, "go", "get", "mod.test/quote@v1.2.0")
		c.Dir = dir
		c.Env = append(c.Env, "GOMODCACHE="+filepath.Join(dir, "cache"))
		err = c.Run()
		if ctx.Err() != nil && runs > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		runs++
	}
}

// A go command that hands over to another toolchain, as GOTOOLCHAIN does: the
// second binary is one that nobody has seen, and loses nothing.
func TestToolchainSwitch(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(goroot))
	b, err := os.ReadFile(filepath.Join(root, "bin", "go"))
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nunset GOTOOLCHAIN_INTERNAL_SWITCH_VERSION\nexport GOTOOLCHAIN=local GOROOT=" + root + "\nexec " + dir + "/newgo \"$@\"\n"
	for name, text := range map[string]string{"newgo": string(b) + "new", "go1.99.0": script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f, _ := lab.FaultNamed("healthy")
	s := f.Build()
	s.Env = append(s.Env, "GOTOOLCHAIN=go1.99.0+path", "PATH="+dir+":"+os.Getenv("PATH"))
	l, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := runTraced(t, l, f, nil)
	if r.code != 0 || !strings.HasSuffix(r.live.Processes[0].Exe, "/newgo") {
		t.Fatalf("exit code %d, the process ended as %s\n%s", r.code, r.live.Processes[0].Exe, r.stderr)
	}
	for _, c := range r.live.Connections {
		for _, y := range c.TLS {
			if !y.Decrypted {
				t.Errorf("connection %d to %s is not opened", c.ID, y.ServerName)
			}
		}
	}
}
