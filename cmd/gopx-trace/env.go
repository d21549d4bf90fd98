package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// env is everything of the process that a command touches.
type env struct {
	args    []string
	environ []string
	stdin   *os.File
	stdout  *os.File
	stderr  *os.File
	// code is the exit code of a command that went well.
	code int
}

// getenv returns a variable of the environment that the env was given.
func (e *env) getenv(name string) string {
	for _, kv := range e.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// Exit codes of our own, as env(1) and timeout(1) use them.
const (
	exitFault   = 1   // --exit-code=verdict, and a fault was found
	exitTimeout = 124 // --timeout ended the command
	exitFailure = 125 // we failed ourselves
)

// failure is an error with advice: each hint is a complete next command or
// sentence.
type failure struct {
	err   error
	hints []string
	code  int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail returns a failure of our own.
func fail(err error, hints ...string) error {
	return &failure{err: err, hints: hints, code: exitFailure}
}

// run parses the arguments, does what they say and returns the exit code.
func run(e *env) int {
	cmd := newRoot(e)
	cmd.SetArgs(e.args)
	cmd.SetIn(e.stdin)
	cmd.SetOut(e.stdout)
	cmd.SetErr(e.stderr)
	err := cmd.Execute()
	if err == nil {
		return e.code
	}
	code := exitFailure
	var f *failure
	if errors.As(err, &f) {
		code = f.code
	}
	complain(e.stderr, err)
	if e.code != 0 { // the command's own failure is the older news
		return e.code
	}
	return code
}

// complain prints one error line and its hints.
func complain(w io.Writer, err error) {
	fmt.Fprintf(w, "gopx-trace: error: %s\n", oneLine(err.Error()))
	var f *failure
	if errors.As(err, &f) {
		for _, h := range f.hints {
			fmt.Fprintf(w, "gopx-trace: hint: %s\n", h)
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
