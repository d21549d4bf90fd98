// Command gopx-trace runs a command, watches what its processes put on the
// network and says which link of the Go module proxy chain fails, why, and what
// to type to fix it.
//
// This package is the command line only: it parses flags, starts the stages
// (capture → agent → report) and maps errors to words and exit codes.
package main

import (
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/gopx-trace/gopx-trace/capture/live"
)

// A trace only grows, so that collecting garbage finds little, and does it beside
// the command. Up to gcLimit bytes the heap may therefore grow by more than the
// 100 % that the runtime begins with; a run of 20,000 requests ends far below.
const (
	gcPercent = 400
	gcLimit   = 1 << 30
)

func main() {
	if filepath.Base(os.Args[0]) == live.StubName {
		live.Stub()
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(gcLimit)
	os.Exit(run(&env{
		args: os.Args[1:], environ: os.Environ(),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}))
}
