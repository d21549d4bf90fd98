//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// In a PID namespace of its own, as in a container, everything is observed; that
// the process ids are those of the host is said.
func TestPIDNamespace(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, out := filepath.Join(dir, "gopx-trace"), filepath.Join(dir, "t.json")
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("unshare", "--pid", "--fork", "--mount-proc", exe, "-q", "-o", "json="+out, "sh", "-c", "/bin/echo one; go version >/dev/null; exit 3")
	if text, err := c.CombinedOutput(); c.ProcessState.ExitCode() != 3 || string(text) != "one\n" {
		t.Fatalf("%v: %s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var r trace.Trace
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	stacks := map[string]string{}
	for _, p := range r.Processes {
		stacks[filepath.Base(p.Exe)] = p.TLS
		if p.Observed != "full" {
			t.Errorf("%s: %s", p.Exe, p.Missing)
		}
	}
	if len(r.Processes) != 3 || stacks["go"] != "crypto/tls" || stacks["echo"] != "none" {
		t.Errorf("%v", stacks)
	}
	if !slices.ContainsFunc(r.NotSeen, func(s string) bool { return strings.Contains(s, "PID namespace of its own") }) {
		t.Errorf("%q", r.NotSeen)
	}
}
