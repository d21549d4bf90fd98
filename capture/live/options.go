// Package live starts a command and yields what its process tree does, as
// events: packets, sockets, processes, TLS secrets.
//
// The command runs as the user who called sudo, in a cgroup and a mount
// namespace of its own; its terminal, signals and exit code stay its own. If
// this process dies, the command goes on untouched.
package live

import (
	"os"
	"time"
)

// StubName is argv[0] of our own program when it is started to become the
// traced command: main must then call [Stub] and nothing else.
const StubName = "gopx-trace-exec"

// Options say what to start.
type Options struct {
	// Argv is the command with its arguments.
	Argv []string
	// Dir is its working directory; empty is ours.
	Dir string
	// Env is our own environment, as os.Environ gives it.
	Env []string
	// Stdin, Stdout, Stderr become the command's; nil is ours.
	Stdin, Stdout, Stderr *os.File
	// Exe is our own program, which must call [Stub] when argv[0] is
	// [StubName]; empty is /proc/self/exe.
	Exe string
	// RingBytes and Snaplen are those of bpf.Options; 0 is its default.
	RingBytes, Snaplen int
	// Tick is how often the run yields a capture.Tick; 0 is never.
	Tick time.Duration
}
