// Package agent is understanding: events in, a diagnosed trace out.
//
// [Run] is the only place that knows the order of the stages:
//
//	flow → decode → (facts of sockets and processes) → goproxy → diagnose
//
// It is single-threaded and sees no clock: two runs over the same events give
// the same trace, which is why the trace of a live run equals the trace of its
// recording.
package agent

import (
	"errors"
	"io"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// Options bound what a trace holds. The zero value has the defaults.
type Options struct {
	// MaxRequests is how many requests, and as many connections, lookups and
	// processes, are listed; 0 is [DefaultMaxRequests]. Those beyond are counted.
	MaxRequests int
}

// Run reads a source to its end and returns what was understood. An error of
// the source is returned together with the trace of all that came before it.
func Run(src capture.Source) (*trace.Trace, error) { return Options{}.Run(src) }

// Run is [Run] with other bounds than the defaults.
func (o Options) Run(src capture.Source) (*trace.Trace, error) {
	return o.Watch(src, func(*State) {})
}

// Watch is Run of a source with ticks: look is called at each of them.
func Watch(src capture.Source, look func(*State)) (*trace.Trace, error) {
	return Options{}.Watch(src, look)
}

// Watch is [Watch] with other bounds than the defaults.
func (o Options) Watch(src capture.Source, look func(*State)) (*trace.Trace, error) {
	b := newBuilder(o)
	err := feed(b, src, look)
	t := b.finish()
	goproxy.Explain(t)
	diagnose.Diagnose(t)
	return t, err
}

func feed(b *builder, src capture.Source, look func(*State)) error {
	for {
		e, err := src.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if tick, ok := e.(*capture.Tick); ok {
			look(b.state(tick))
			continue
		}
		b.event(e)
	}
}
