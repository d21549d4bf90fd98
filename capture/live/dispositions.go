//go:build linux

package live

import (
	"os/signal"
	"syscall"
)

// dispositions are what a process inherits of the signals (signal(7)).
type dispositions struct {
	// Ignored signals do nothing.
	Ignored []syscall.Signal
	// Blocked has a bit for each blocked signal, the lowest for signal 1.
	Blocked uint64
}

// What the Go runtime notes of them, before it installs handlers for nearly all
// signals and unblocks those that would end the process (fwdSig in initsig and
// initSigmask in schedinit of $GOROOT/src/runtime).
const (
	runtimeActions = "runtime.fwdSig"
	runtimeMask    = "runtime.initSigmask"
	// numSignals is _NSIG of the runtime: signals are 1 to 64.
	numSignals = 65
	// actionIgnore is SIG_IGN.
	actionIgnore = 1
)

// inherited returns what this process was started with, which the command must
// find too (nohup, trap ” PIPE, background jobs, env --block-signal).
func inherited() dispositions {
	d, err := noted()
	if err == nil {
		return d
	}
	// A program without symbols: the runtime keeps an ignored SIGHUP and SIGINT, and
	// SIGQUIT goes with SIGINT, as a shell without job control ignores both for a
	// background job (POSIX, 2.11 Signals and Error Handling).
	if signal.Ignored(syscall.SIGHUP) {
		d.Ignored = append(d.Ignored, syscall.SIGHUP)
	}
	if signal.Ignored(syscall.SIGINT) {
		d.Ignored = append(d.Ignored, syscall.SIGINT, syscall.SIGQUIT)
	}
	return d
}

// noted reads what the runtime has noted.
func noted() (dispositions, error) {
	p, err := openSelf()
	if err != nil {
		return dispositions{}, err
	}
	defer p.close()
	actions, err := p.words(runtimeActions, numSignals)
	if err != nil {
		return dispositions{}, err
	}
	mask, err := p.words(runtimeMask, 1)
	if err != nil {
		return dispositions{}, err
	}
	d := dispositions{Blocked: mask[0]}
	for n, action := range actions {
		if action == actionIgnore {
			d.Ignored = append(d.Ignored, syscall.Signal(n))
		}
	}
	return d, nil
}
