//go:build linux

package live

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
)

// kernel is what is needed of a *bpf.Probe.
type kernel interface {
	AttachTLS(path string) error
	DetachDeleted(dev, ino uint64) bool
	Read(s *bpf.Sample, wait time.Duration) error
	Lost() (packets, events uint64, err error)
	Missing() []string
	Close() error
}

// Run is a command under observation. It is a capture.Source; its methods but
// Signal are for one goroutine.
type Run struct {
	session
	translator
	sample bpf.Sample
	// queue are events that come before the next sample.
	queue []capture.Event
	drain drain
	// ticks is the time between two ticks, ticked that of the last one.
	ticks  time.Duration
	ticked time.Time
	// reads counts samples since the counters of losses were looked at.
	reads                   int
	lostPackets, lostEvents uint64 // as reported so far
	unreadable              uint64 // samples that could not be decoded
	failing                 int    // of them, those in a row
	ended                   bool   // the last events are in the queue
	result                  state
}

const (
	// lostEvery is the number of samples between two looks at the counters.
	lostEvery = 4096
	// maxFailing is how many unreadable samples in a row end the observation.
	maxFailing = 1000
)

// Next implements [capture.Source]. After the last event of the command, which
// is an Exit followed by Lost and NotSeen events, it returns io.EOF.
func (r *Run) Next() (capture.Event, error) {
	for {
		if len(r.queue) > 0 {
			e := r.queue[0]
			r.queue = r.queue[1:]
			return e, nil
		}
		if r.ended {
			return nil, io.EOF
		}
		if r.collect(); len(r.queue) > 0 {
			continue
		}
		if r.over() {
			r.finish(nil)
			continue
		}
		if e := r.tick(); e != nil {
			return e, nil
		}
		e, err := r.read()
		if err != nil {
			r.finish(err)
		} else if e != nil {
			return e, nil
		}
	}
}

// tick returns a Tick if it is time for one.
func (r *Run) tick() capture.Event {
	if r.ticks == 0 {
		return nil
	}
	now := time.Now().UTC()
	asked := r.relay.asked.Swap(false)
	if !asked && now.Sub(r.ticked) < r.ticks {
		return nil
	}
	r.ticked = now
	return &capture.Tick{Time: now, Asked: asked}
}

// read takes one sample in. The event is nil if there was no sample for a
// while, or none for the reader.
func (r *Run) read() (capture.Event, error) {
	err := r.probe.Read(&r.sample, r.drain.wait())
	switch {
	case err == nil:
		r.reads++
		r.failing = 0
		r.drain.found(&r.sample, r.process.Pid)
		r.asked(&r.sample)
		return r.event(&r.sample), nil
	case isTimeout(err):
		r.reads, r.failing = lostEvery, 0
		r.drain.nothing()
		return nil, nil
	case errors.Is(err, os.ErrClosed), r.failing >= maxFailing:
		return nil, err
	default: // a record that makes no sense; those behind it may
		r.failing++
		r.unreadable++
		return nil, nil
	}
}

// over reports whether the command has ended and all of it was read.
func (r *Run) over() bool {
	if !r.hasExited() || r.isEnding() {
		return false
	}
	if !r.drain.reaped {
		r.openUp()
	}
	return r.drain.over(r.state.at, func() bool { return r.lostEvents == 0 && !r.group.populated() })
}

// collect queues the secrets of the key logs and the losses since last time.
func (r *Run) collect() {
	for _, t := range r.tails {
		secrets, dropped := t.fetch()
		for _, s := range secrets {
			if !r.seen.add(s) {
				r.queue = append(r.queue, s)
			}
		}
		r.tailDropped += dropped
	}
	r.overheard(r.upstream.Heard(time.Now()))
	if r.reads >= lostEvery {
		r.reads = 0
		r.lost()
	}
}

// lost queues a Lost event if a counter moved.
func (r *Run) lost() {
	packets, events, err := r.probe.Lost()
	if err != nil {
		return
	}
	packets += r.upstream.Lost()
	events += r.tailDropped + r.unreadable
	if packets == r.lostPackets && events == r.lostEvents {
		return
	}
	r.queue = append(r.queue, &capture.Lost{
		Time: time.Now().UTC(), Packets: packets - r.lostPackets, Events: events - r.lostEvents,
	})
	r.lostPackets, r.lostEvents = packets, events
}

// finish queues the last events and gives back what the run used. failed is
// the error that ended the observation early, if any.
//
// Whoever waits for these events need not wait for the rest: it is begun here in
// the background, and Close waits for it.
func (r *Run) finish(failed error) {
	<-r.exited
	r.quiet()
	r.collect()
	r.overheard(r.upstream.Stop())
	r.result = r.state
	r.result.interrupted = r.relay.interrupted.Load()
	r.queue = append(r.queue, r.result.event())
	r.lost()
	for _, text := range r.notSeen(failed) {
		r.queue = append(r.queue, &capture.NotSeen{Time: time.Now().UTC(), Text: text})
	}
	r.ended = true
	go r.free()
	go func() { _ = r.unload() }() // Close tells the error
}

// Result is how the command ended, valid after Next returned io.EOF. code is
// its exit status, or 128+n for signal n, whose name is then signal.
func (r *Run) Result() (code int, signal string) { return r.result.code, r.result.signal }

// Signal sends a signal to the command.
func (r *Run) Signal(s os.Signal) error { return r.process.Signal(s) }

// Close implements [capture.Source]. A command that still runs goes on, and is
// no longer observed.
func (r *Run) Close() error {
	r.ended = true
	r.queue = nil
	r.free()
	return r.unload()
}
