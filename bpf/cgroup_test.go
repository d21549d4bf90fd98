//go:build linux

package bpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testWait is how long tests wait for a sample.
const testWait = 20 * time.Millisecond

// watched is a probe on a cgroup made for one test.
type watched struct {
	*Probe
	t      testing.TB
	cgroup string
}

// watch makes a cgroup and loads a probe onto it.
func watch(t testing.TB, o Options) *watched {
	t.Helper()
	o.Cgroup = newCgroup(t)
	if o.RingBytes == 0 {
		o.RingBytes = 8 << 20
	}
	p, err := Load(o)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(func() { p.Close() })
	for _, sentence := range p.Missing() {
		t.Log("missing:", sentence)
	}
	return &watched{p, t, o.Cgroup}
}

// needRoot skips the test unless it may load programs.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		skip(t, "needs root")
	}
}

// newCgroup makes an empty cgroup that goes away after the test.
func newCgroup(t testing.TB) string {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp(cgroup2(t), "gopx-bpf-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if err = os.Remove(dir); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("remove cgroup: %v", err)
	})
	return dir
}

// cgroup2 returns where cgroup2 is mounted.
func cgroup2(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1]
		}
	}
	skip(t, "no cgroup2 is mounted")
	return ""
}

// into makes the command start in the cgroup.
func (w *watched) into(cmd *exec.Cmd) *exec.Cmd {
	w.t.Helper()
	f, err := os.Open(w.cgroup)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { f.Close() })
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD = true
	cmd.SysProcAttr.CgroupFD = int(f.Fd())
	return cmd
}

// run runs the command in the cgroup and returns its process id and all samples.
func (w *watched) run(cmd *exec.Cmd) (pid uint32, samples []Sample) {
	w.t.Helper()
	if err := w.into(cmd).Start(); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	samples = w.readUntil(done)
	return uint32(cmd.Process.Pid), samples
}

// readUntil reads until done yields and everything is quiet.
func (w *watched) readUntil(done <-chan error) []Sample {
	w.t.Helper()
	var samples []Sample
	for finished, quiet := false, 0; quiet < 5; {
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("child: %v", err)
			}
			finished = true
		default:
		}
		var s Sample
		switch err := w.Read(&s, testWait); {
		case err == nil:
			samples = append(samples, keep(s))
			quiet = 0
		case !errors.Is(err, os.ErrDeadlineExceeded):
			w.t.Fatal(err)
		case finished:
			quiet++
		}
	}
	w.checkNothingLost()
	return samples
}

func (w *watched) checkNothingLost() {
	w.t.Helper()
	packets, events, err := w.Lost()
	if packets != 0 || events != 0 || err != nil {
		w.t.Errorf("lost %d packets and %d events: %v", packets, events, err)
	}
}

// keep copies what is valid only until the next sample.
func keep(s Sample) Sample {
	s.Packet.Data = append([]byte(nil), s.Packet.Data...)
	s.Process.Argv = append([]byte(nil), s.Process.Argv...)
	s.Secret.ClientRandom = append([]byte(nil), s.Secret.ClientRandom...)
	s.Secret.Secret = append([]byte(nil), s.Secret.Secret...)
	return s
}

// ofKind returns the samples of some kinds.
func ofKind(samples []Sample, kinds ...Kind) []Sample {
	var of []Sample
	for _, s := range samples {
		for _, k := range kinds {
			if s.Kind == k {
				of = append(of, s)
			}
		}
	}
	return of
}

// testString is for the messages of failing tests.
func (s Sample) testString() string {
	switch s.Kind {
	case KindPacket:
		return fmt.Sprintf("packet pid=%d cookie=%d out=%t filled=%t %v", s.PID, s.Packet.Cookie, s.Packet.Outbound, s.Packet.Filled, parse(s.Packet.Data))
	case KindFork, KindExec, KindExit:
		return fmt.Sprintf("process %d pid=%d tid=%d %+v", s.Kind, s.PID, s.TID, s.Process)
	case KindSecret:
		return fmt.Sprintf("secret pid=%d %s", s.PID, s.Secret.Label)
	}
	return fmt.Sprintf("socket %d pid=%d %+v", s.Kind, s.PID, s.Socket)
}

// dump logs the samples if the test has failed.
func dump(t testing.TB, samples []Sample) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for _, s := range samples {
		t.Log(s.testString())
	}
}
