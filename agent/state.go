package agent

import (
	"slices"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// State is how far a run has come at a [capture.Tick]. It is valid until the
// function that got it returns.
type State struct {
	// At is the time of the tick.
	At time.Time
	// Asked is set when somebody wants to see it now.
	Asked bool
	// Running is for how long the command has been running.
	Running time.Duration
	// Quiet is for how long nothing has happened that brings the command on:
	// new bytes on a connection, an answer of a resolver, a step of a process.
	Quiet time.Duration

	b *builder
}

// pulse notices whether anything happens between two ticks.
type pulse struct {
	// steps counts what happens beside the bytes of open connections.
	steps uint64
	last  uint64
	since time.Time
}

// state looks at a run.
func (b *builder) state(e *capture.Tick) *State {
	beat := b.pulse.steps + uint64(b.keep.numbers+b.keep.requests+b.keep.unlisted.Requests)
	for _, c := range b.conns {
		beat += c.Bytes[flow.ToServer] + c.Bytes[flow.ToClient]
	}
	if beat != b.pulse.last || b.pulse.since.IsZero() {
		b.pulse.last, b.pulse.since = beat, e.Time
	}
	s := &State{At: e.Time, Asked: e.Asked, Quiet: e.Time.Sub(b.pulse.since), b: b}
	if b.trace.Command != nil {
		s.Running = e.Time.Sub(b.trace.Command.StartedAt)
	}
	return s
}

// Waits returns what the command waits for, see [diagnose.Waits].
func (s *State) Waits() []*trace.Wait {
	t := s.b.sketch()
	goproxy.Explain(t)
	return diagnose.Waits(t, s.At)
}

// Processes returns the processes that run, in the order in which they began.
func (s *State) Processes() []*trace.Process {
	var list []*trace.Process
	for _, p := range s.b.trace.Processes {
		if p.ExitedAt.IsZero() && s.b.procs[p.PID] == p {
			list = append(list, p)
		}
	}
	return list
}

// sketch is a trace of what is known so far, of copies: explaining it changes
// what the run goes on with in nothing. What only a finished trace has is left out.
func (b *builder) sketch() *trace.Trace {
	t := &trace.Trace{
		Command: b.trace.Command, Environment: b.trace.Environment,
		Processes: b.trace.Processes, Lookups: b.lookups.Close(),
	}
	for _, c := range b.keep.list() {
		t.Connections = append(t.Connections, b.sketchConnection(c))
	}
	for _, r := range b.trace.Requests {
		t.Requests = append(t.Requests, sketchRequest(r))
	}
	order(t)
	return t
}

// sketchConnection adds to a connection what is known of its transport.
func (b *builder) sketchConnection(of *trace.Connection) *trace.Connection {
	c := *of
	c.Frames, c.Notes = slices.Clip(c.Frames), slices.Clip(c.Notes)
	open := b.conns[c.ID]
	if open == nil { // complete
		if c.ClosedAt.IsZero() {
			c.ClosedAt = b.last
		}
		return &c
	}
	b.transport(&c, open)
	if s := b.sockets[open.Socket]; s != nil && s.closed && c.ClosedAt.IsZero() {
		c.ClosedAt = b.last
	}
	return &c
}

// sketchRequest copies what tells whether a request is answered. Its digest may
// be being written by another goroutine.
func sketchRequest(r *trace.Request) *trace.Request {
	return &trace.Request{
		Connection: r.Connection, HTTPStream: r.HTTPStream, PID: r.PID, Protocol: r.Protocol, Method: r.Method, URL: r.URL,
		Headers: slices.Clip(r.Headers), Status: r.Status, ResponseHeaders: slices.Clip(r.ResponseHeaders),
		ResponseBytes: r.ResponseBytes, ResponseComplete: r.ResponseComplete, StartedAt: r.StartedAt, Timings: r.Timings,
		Error: r.Error, SentAt: r.SentAt, AnsweredAt: r.AnsweredAt, EndedAt: r.EndedAt, LastByteAt: r.LastByteAt,
		Body: slices.Clip(r.Body), Frames: slices.Clip(r.Frames),
	}
}
