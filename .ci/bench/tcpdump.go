//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tcpdumpSettle is how long tcpdump may still read packets after the command
// has ended, as gopx-trace does.
const tcpdumpSettle = 50 * time.Millisecond

// tcpdump runs the command beside tcpdump with a buffer of 64 MiB, which
// records every packet whole. Its wall clock is that of the command alone: who
// starts tcpdump by hand does not wait for it.
func tcpdump(ctx context.Context, w *work) (sample, error) {
	dump := w.client.command(ctx, "tcpdump", "-n", "-i", w.iface, "-B", "65536", "-Z", "root", "-w", w.capture(), "tcp")
	said, err := startTcpdump(dump)
	if err != nil {
		return sample{}, fmt.Errorf("tcpdump: %w", err)
	}
	memory := watchMemory(dump.Process.Pid)
	s, failed := cost(w.download(ctx))
	time.Sleep(tcpdumpSettle)
	s.memory = memory.stop()
	err = dump.Process.Signal(syscall.SIGINT)
	rest, readErr := io.ReadAll(said)
	if err := errors.Join(failed, err, readErr, dump.Wait()); err != nil {
		return s, err
	}
	s.cpu += cpuTime(dump)
	if s.lost, err = droppedByKernel(string(rest)); err != nil {
		return s, err
	}
	s.recording, err = size(w.capture())
	return s, err
}

// startTcpdump starts tcpdump and waits until it captures. What it says after
// that can be read from the result.
func startTcpdump(cmd *exec.Cmd) (*bufio.Reader, error) {
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	said := bufio.NewReader(out)
	for {
		line, err := said.ReadString('\n')
		if strings.Contains(line, "listening on") {
			return said, nil
		}
		if err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
	}
}

// droppedByKernel reads the count out of tcpdump's last lines.
func droppedByKernel(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if number, ok := strings.CutSuffix(strings.TrimSpace(line), " packets dropped by kernel"); ok {
			return strconv.ParseInt(number, 10, 64)
		}
	}
	return 0, fmt.Errorf("tcpdump does not say what it dropped: %q", tail(text))
}
