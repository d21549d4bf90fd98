//go:build !linux

package live

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Run is a command under observation, which there is on Linux only.
type Run struct{}

var _ capture.Source = (*Run)(nil)

// Start fails with a [StartError] that says what can be done on this system.
func Start(context.Context, Options) (*Run, error) {
	return nil, &StartError{
		Err: fmt.Errorf("tracing a command needs Linux, and this is %s", runtime.GOOS),
		Hints: []string{
			"record here with tcpdump or Wireshark (with SSLKEYLOGFILE set for what is to be decrypted)",
			"gopx-trace report --keylog KEYS FILE",
		},
		Code: exitFailure,
	}
}

// Stub is never reached here: nothing starts it.
func Stub() { os.Exit(exitFailure) }

// Next implements [capture.Source].
func (*Run) Next() (capture.Event, error) { return nil, io.EOF }

// Result is that of a run that never began.
func (*Run) Result() (code int, signal string) { return exitFailure, "" }

// Signal fails: there is no command.
func (*Run) Signal(os.Signal) error { return os.ErrProcessDone }

// Close implements [capture.Source].
func (*Run) Close() error { return nil }
