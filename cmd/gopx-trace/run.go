package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/live"
)

// traceCommand runs a command under the probes and, when it has ended, writes
// the reports. Its exit code is the command's own.
func traceCommand(e *env, f *flags, argv []string) error {
	if len(argv) == 0 {
		return fail(errors.New("no command to trace"), "sudo gopx-trace go get golang.org/x/text", "gopx-trace --help")
	}
	outputs, err := f.prepare()
	if err != nil {
		return err
	}
	defer discard(outputs)
	if f.write == "-" {
		return fail(errors.New("-w - is not possible: standard output is the command's own"), "-w FILE")
	}
	rec, err := f.record(e)
	if err != nil {
		return err
	}
	ctx, cancel := f.deadline()
	defer cancel()
	r, err := live.Start(ctx, live.Options{
		Argv: argv, Env: e.environ, Stdin: e.stdin, Stdout: e.stdout, Stderr: e.stderr, Tick: stallTick,
	})
	if err != nil {
		rec.remove()
		return startFailure(e, err)
	}
	defer r.Close()
	s := newStaller(e.stderr, f.stallAfter())
	t, err := agent.Watch(rec.tee(r), s.look)
	s.clear()
	if err != nil {
		err = fail(fmt.Errorf("the tracer failed while the command ran: %w", err))
	}
	e.code = f.verdictCode(t, exitCode(r, t))
	return errors.Join(err, rec.close(t), f.tell(e, t, outputs))
}

func (f *flags) deadline() (context.Context, context.CancelFunc) {
	if f.timeout > 0 {
		return context.WithTimeout(context.Background(), f.timeout)
	}
	return context.WithCancel(context.Background())
}

// stallAfter is how long a command may stall before that is said.
func (f *flags) stallAfter() time.Duration {
	if f.quiet {
		return 0
	}
	return f.stall
}

// exitCode is the command's own as a shell would see it.
func exitCode(r *live.Run, t *trace.Trace) int {
	if t.Command != nil && t.Command.TimedOut {
		return exitTimeout
	}
	code, _ := r.Result()
	return code
}

// startFailure passes on what the live source says about a command that could
// not be started.
func startFailure(e *env, err error) error {
	var s *live.StartError
	if errors.Is(err, live.ErrNeedsRoot) {
		return fail(live.ErrNeedsRoot, asRoot(e))
	}
	if errors.As(err, &s) {
		return &failure{err: s.Err, hints: append(meant(e), s.Hints...), code: s.Code}
	}
	return fail(err)
}

// meant are the subcommands that a command that was not found may have meant.
func meant(e *env) []string {
	var hints []string
	for _, arg := range e.args[:min(1, len(e.args))] {
		for _, name := range newRoot(e).SuggestionsFor(arg) {
			hints = append(hints, "did you mean: gopx-trace "+name)
		}
	}
	return hints
}

// asRoot is what was typed, with sudo in front.
func asRoot(e *env) string {
	exe, err := os.Executable()
	if err != nil {
		exe = "gopx-trace"
	}
	return "sudo " + live.Quote(append([]string{exe}, e.args...))
}

// tell writes the reports of a run; standard error is where they go without a
// file name, since standard output is the command's own.
func (f *flags) tell(e *env, t *trace.Trace, outputs []*output) error {
	wantText := !f.quiet
	for _, o := range outputs {
		wantText = wantText && o.format != "text"
	}
	if wantText {
		outputs = append([]*output{{format: "text"}}, outputs...)
	}
	opt := f.options(e, e.stderr.Fd())
	opt.Recording = f.write
	var errs []error
	for _, o := range outputs {
		errs = append(errs, o.write(e.stderr, t, opt, ownerOf(e)))
	}
	return errors.Join(errs...)
}
