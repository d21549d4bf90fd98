//go:build linux

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// demoSignals are those that a demo leaves to the run that it shows, which says
// what it knows; the demo itself still has its network to take down.
func demoSignals() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
}

// runShown runs the traced command of a demo and returns the last signal that
// was to end it, 0 without one. A terminal sends its signals to the run, too;
// others are for the demo alone and are passed on.
func runShown(c *lab.Cmd) (ended syscall.Signal, err error) {
	sent := make(chan os.Signal, 4)
	signal.Notify(sent, demoSignals()...)
	defer signal.Stop(sent)
	if err := c.Start(); err != nil {
		return 0, err
	}
	terminal := term.IsTerminal(int(os.Stdin.Fd()))
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for {
		select {
		case s := <-sent:
			if n, ok := s.(syscall.Signal); ok && n != syscall.SIGQUIT {
				ended = n
			}
			if !terminal || s == syscall.SIGTERM {
				_ = c.Process.Signal(s) // if it has ended, Wait tells that
			}
		case err := <-done:
			return ended, err
		}
	}
}
