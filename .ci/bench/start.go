//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// monotonic reads CLOCK_MONOTONIC, which is the same in every process.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}

// clock is a command that prints when it started and ends.
func clock() error {
	now, err := monotonic()
	fmt.Println(int64(now))
	return err
}

// startTimes are the times around a command that does nothing.
type startTimes struct {
	// before is from the start of the tool to the first line of the command,
	// after from there until the tool has ended, in milliseconds.
	before, after []float64
}

// starts measures clock under gopx-trace, and alone, in turn. The command is a
// Go program with crypto/tls, so that a probe is placed into it.
func (b *bench) starts(ctx context.Context) (traced, alone startTimes, err error) {
	for range b.options.starts {
		if err = alone.add(ctx, b.self, roleClock); err != nil {
			return
		}
		if err = traced.add(ctx, b.tool, "-q", b.self, roleClock); err != nil {
			return
		}
	}
	return
}

// add runs a command that ends as clock.
func (s *startTimes) add(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	from, err := monotonic()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	raw, err := io.ReadAll(out)
	if err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	to, err := monotonic()
	if err != nil {
		return err
	}
	began, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return err
	}
	s.before = append(s.before, milliseconds(time.Duration(began)-from))
	s.after = append(s.after, milliseconds(to-time.Duration(began)))
	return nil
}

// milliseconds is a duration as a number.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
