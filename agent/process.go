package agent

import (
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// process takes a step in the life of a process in.
func (b *builder) process(e *capture.Process) {
	b.pulse.steps++
	p := b.procs[e.PID]
	if p == nil || (e.Kind == capture.Fork && !p.ExitedAt.IsZero()) {
		// the pid is new, or used again after its process ended
		if !b.keep.process() {
			return
		}
		p = &trace.Process{PID: e.PID, PPID: e.PPID, StartedAt: e.Time, TLS: "none", Observed: "full"}
		b.procs[e.PID] = p
		b.trace.Processes = append(b.trace.Processes, p)
		if parent := b.procs[e.PPID]; parent != nil && e.Kind == capture.Fork {
			// until it execs, a child is a copy of its parent
			p.Exe, p.Argv, p.ArgvCut, p.TLS = parent.Exe, parent.Argv, parent.ArgvCut, parent.TLS
		}
	}
	switch e.Kind {
	case capture.Exec:
		p.Exe = e.Exe
		p.Argv, p.ArgvCut = b.argv(e)
		if e.PPID != 0 {
			p.PPID = e.PPID
		}
		if e.TLS != "" {
			p.TLS = e.TLS
		}
		if e.Missing != "" {
			p.Observed, p.Missing = "partial", e.Missing
		}
	case capture.ExitProc:
		p.ExitedAt = e.Time
		p.ExitCode, p.Signal = exitStatus(e.WaitStatus)
	}
}

// argv is the command line of an exec, and whether it was cut. That of the command
// itself is known in full.
func (b *builder) argv(e *capture.Process) (argv []string, cut bool) {
	if n := len(e.Argv); e.ArgvCut && n > 0 && b.started != nil && e.PID == b.started.PID {
		if all := b.started.Argv; len(all) > n && slices.Equal(all[:n], e.Argv) {
			return slices.Clone(all), false
		}
	}
	return slices.Clone(e.Argv), e.ArgvCut
}

func environment(e *capture.Environment) *trace.Environment {
	env := &trace.Environment{
		GoVersion: e.GoVersion, GoEnv: map[string]trace.Setting{},
		Proxy: e.Proxy, TLS: e.TLS, Resolvers: slices.Clone(e.Resolvers), Watched: slices.Clone(e.Watched),
		Programs: e.Programs, Hosts: e.Hosts, Unsummed: e.Unsummed, Roots: (*trace.Roots)(e.Roots),
	}
	for k, v := range e.GoEnv {
		env.GoEnv[k] = trace.Setting(v)
	}
	return env
}
