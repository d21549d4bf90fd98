//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sample is what one run cost.
type sample struct {
	// wall is from the start of the program to its end; the tool's own start
	// and end count if it started the command.
	wall time.Duration
	// cpu is user and system time of the command, of what it started and of the
	// tool. The module proxy is not in it. What the kernel does in interrupts
	// counts for whoever was running then.
	cpu time.Duration
	// memory is the peak resident size of the tool in bytes, 0 for none.
	memory uint64
	// recording is the size of its capture file in bytes, 0 for none.
	recording int64
	// lost counts packets, requests those of the report, both -1 if nobody
	// counted.
	lost, requests int64
	// outside is the part of wall when the command was not running.
	outside time.Duration
}

// cost runs cmd to its end.
func cost(cmd *exec.Cmd) (sample, error) {
	s := sample{lost: -1, requests: -1}
	var text strings.Builder
	if cmd.Stderr == nil {
		cmd.Stdout, cmd.Stderr = &text, &text
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	w := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	s.wall = time.Since(start)
	s.memory = w.stop()
	s.cpu = cpuTime(cmd)
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, tail(text.String()))
	}
	return s, err
}

// cpuTime is that of a process and of what it waited for.
func cpuTime(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// tail is the end of a long text, for an error.
func tail(s string) string {
	const most = 500
	return strings.TrimSpace(s[max(0, len(s)-most):])
}

// memoryEvery is how often the peak of a process is read. The kernel keeps the
// peak, so that only one of the last moments can be missed.
const memoryEvery = 10 * time.Millisecond

// memoryWatch follows the peak resident size of one process. wait4(2) will not
// do: its figure is the largest of the process and of its children.
type memoryWatch struct {
	done chan struct{}
	peak chan uint64
}

// watchMemory begins to watch.
func watchMemory(pid int) *memoryWatch {
	w := &memoryWatch{done: make(chan struct{}), peak: make(chan uint64)}
	go w.loop(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	return w
}

func (w *memoryWatch) loop(status string) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	var peak uint64
	for {
		select {
		case <-w.done:
			w.peak <- peak
			return
		case <-tick.C:
			if raw, err := os.ReadFile(status); err == nil {
				peak = max(peak, highWater(string(raw)))
			}
		}
	}
}

// stop ends the watch and returns the peak in bytes.
func (w *memoryWatch) stop() uint64 {
	close(w.done)
	return <-w.peak
}

// highWater reads VmHWM out of a /proc/PID/status, in bytes.
func highWater(status string) uint64 {
	number, ok := strings.CutSuffix(field(status, "VmHWM"), " kB")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
