package live

import "errors"

// Exit codes of [StartError], as the shell has them (POSIX 2.8.2; env(1)).
const (
	exitFailure       = 125 // our own
	exitNotExecutable = 126
	exitNotFound      = 127
)

// StartError says why the command could not be started under observation.
type StartError struct {
	Err error
	// Hints are complete commands or settings to try next, one each.
	Hints []string
	// Code is the exit code: 125 our own failure, 126 the command is not
	// executable, 127 it was not found, 128+n signal n came first.
	Code int
}

// Error implements error.
func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// ErrNeedsRoot is the cause of a [StartError] for want of rights.
var ErrNeedsRoot = errors.New("tracing needs root")
