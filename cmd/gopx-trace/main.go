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

	"github.com/gopx-trace/gopx-trace/capture/live"
)

func main() {
	if filepath.Base(os.Args[0]) == live.StubName {
		live.Stub()
	}
	e := &env{
		args: os.Args[1:], environ: os.Environ(),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}
	e.collectGarbage(gcPercent, gcLimit)
	os.Exit(run(e))
}
