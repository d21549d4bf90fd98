//go:build linux

package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A signal to a demo alone reaches the run that it shows: SIGQUIT shows what is
// awaited, SIGINT gives the verdict, and no further fault is shown.
func TestDemoPassesSignalsOn(t *testing.T) {
	needRoot(t)
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "demo", "--with=--stall=1s", "body-stall", "http-forbidden")
	c.Args[0], c.Env = "gopx-trace", append(os.Environ(), "NO_COLOR=1")
	out, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var got []string
	sent := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		got = append(got, line)
		waits, runs := strings.Contains(line, "waiting for the rest"), strings.Contains(line, "runs since")
		switch {
		case waits && sent == 0:
			sent++
			c.Process.Signal(syscall.SIGQUIT)
		case runs && sent == 1:
			sent++
			c.Process.Signal(syscall.SIGINT)
		}
	}
	c.Wait()
	all := strings.Join(got, "\n")
	if c.ProcessState.ExitCode() != 128+int(syscall.SIGINT) || sent != 2 || !strings.Contains(all, "gopx-trace: HUNG at redirect:cdn.test") || strings.Contains(all, "http-forbidden") {
		t.Errorf("exit code %d after %d signals:\n%s", c.ProcessState.ExitCode(), sent, all)
	}
}
