package agent

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/digest"
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// builder collects facts while events come in.
type builder struct {
	trace   *trace.Trace
	table   *flow.Table
	secrets *keylog.Store
	lookups decode.Lookups
	sums    digest.Sums
	procs   map[uint32]*trace.Process
	// sockets are the TCP sockets of the traced processes by cookie.
	sockets map[uint64]*socket
	// conns are the open connections by the number of their facts.
	conns map[int]*flow.Conn
	pulse pulse
	// started is the command as it began; nil in a capture file of others.
	started *capture.Command
	// exit is the end of the command, zero while it runs.
	exit capture.Exit
	last time.Time
	keep keep
}

func newBuilder(o Options) *builder {
	b := &builder{
		trace:   &trace.Trace{Schema: trace.Schema},
		secrets: keylog.NewStore(),
		procs:   map[uint32]*trace.Process{},
		sockets: map[uint64]*socket{},
		conns:   map[int]*flow.Conn{},
		keep:    newKeep(cmp.Or(o.MaxRequests, DefaultMaxRequests)),
	}
	b.lookups.Max = b.keep.limit
	// a short connection may be over before its secret is known
	b.secrets.Expect()
	b.table = flow.NewTable(flow.Options{
		Open:        b.open,
		Closed:      b.closed,
		Datagram:    func(d *flow.Datagram) { decode.Datagram(d, b) },
		Unreachable: func(u *flow.Unreachable, _ *flow.Conn) { b.lookups.Unreachable(u) },
	})
	return b
}

// event takes one event in.
func (b *builder) event(e capture.Event) {
	t := e.When()
	if b.trace.First.IsZero() {
		b.trace.First = t
	}
	if t.After(b.last) {
		b.last, b.trace.Last = t, t
	}
	switch e := e.(type) {
	case *capture.Packet:
		b.trace.Packets++
		b.table.Packet(e)
	case *capture.Secret:
		b.secrets.Add(e)
	case *capture.Process:
		b.process(e)
	case *capture.Socket:
		b.socket(e)
	case *capture.Command:
		b.started = e
		b.trace.Command = &trace.Command{Argv: slices.Clone(e.Argv), StartedAt: e.Time, UID: e.UID}
	case *capture.Exit:
		b.exit = *e
	case *capture.Environment:
		b.trace.Environment = environment(e)
	case *capture.Lost:
		b.trace.Losses.Packets += e.Packets
		b.trace.Losses.Events += e.Events
	case *capture.Cut:
		b.trace.Losses.CutPackets += e.Packets
		b.trace.Losses.CutBytes += e.Bytes
	case *capture.NotSeen:
		b.keep.sentence(b.trace, e.Text)
	}
}

// open starts the decoding of a new connection.
func (b *builder) open(c *flow.Conn) flow.Stream {
	facts := &trace.Connection{
		Stream: new(c.Stream), PID: c.PID,
		Local: c.Client.String(), Remote: c.Server.String(), StartedAt: c.Start,
	}
	c.Value = facts
	b.keep.open(facts)
	b.conns[facts.ID] = c
	return decode.NewDetect(&decode.Conn{
		Facts: facts, Endpoints: c.Endpoints, TCP: c, Secrets: b.secrets, Sums: &b.sums, Out: b,
		// Beside a command that runs there is no time for more; its recording has
		// to give the same.
		HashAll: b.trace.Command == nil,
	})
}

// closed takes the TCP facts of a complete connection over.
func (b *builder) closed(c *flow.Conn) {
	facts := c.Value.(*trace.Connection)
	delete(b.conns, facts.ID)
	b.pulse.steps += c.Bytes[flow.ToServer] + c.Bytes[flow.ToClient] + 1
	b.transport(facts, c)
	b.trace.Losses.MissedBytes += facts.MissedBytes
	if s := b.sockets[c.Socket]; s != nil {
		s.packets = true
	}
	b.keep.close(facts)
}

// transport adds the TCP facts to those of a connection.
func (b *builder) transport(facts *trace.Connection, c *flow.Conn) {
	facts.PID, facts.State, facts.History = c.PID, c.State, c.History
	facts.Local, facts.Remote = c.Client.String(), c.Server.String()
	facts.BytesSent, facts.BytesReceived = c.Bytes[flow.ToServer], c.Bytes[flow.ToClient]
	facts.MissedBytes = c.Missed[flow.ToServer] + c.Missed[flow.ToClient]
	facts.Retransmits = c.Retransmits[flow.ToServer] + c.Retransmits[flow.ToClient]
	facts.Unacked, facts.Sacked = c.Unacked[flow.ToServer], c.Sacked[flow.ToServer]
	facts.TTL, facts.ResetTTL = c.TTL[flow.ToClient], c.ResetTTL
	facts.ClosedBy, facts.ResetBy = side(c.ClosedBy), side(c.ResetBy)
	facts.ClosedAt = c.Closed.Time
	if c.SYN.Frame != 0 && c.SYNACK.Frame != 0 {
		facts.Connect = new(trace.Since(c.SYN.Time, c.SYNACK.Time))
	}
	if c.RTT > 0 {
		facts.RTT = new(trace.MillisOf(c.RTT))
	}
	if c.ICMP != nil {
		facts.ICMP = unreachable(c.ICMP)
	}
	for _, m := range []flow.Mark{c.SYN, c.SYNACK, c.Closed} {
		if m.Frame != 0 {
			facts.Frames = append(facts.Frames, m.Frame)
		}
	}
	if n := c.Overlaps[flow.ToServer] + c.Overlaps[flow.ToClient]; n > 0 {
		facts.Notes = append(facts.Notes, fmt.Sprintf("TCP: %d segment(s) overlap bytes that were seen before; the first bytes count", n))
	}
	if c.Dialled.IsValid() {
		facts.Remote, facts.Reached = c.Dialled.String(), c.Server.String()
	}
	if s := b.sockets[c.Socket]; s != nil {
		s.tell(facts)
	}
}

// side names a direction by who sends in it.
func side(d *flow.Dir) string {
	switch {
	case d == nil:
		return ""
	case *d == flow.ToServer:
		return "local"
	}
	return "remote"
}

// Request implements [decode.Out].
func (b *builder) Request(r *trace.Request) {
	if !b.keep.request(r) {
		return
	}
	if r.Pushed {
		if b.keep.push(len(b.trace.Pushes)) {
			b.trace.Pushes = append(b.trace.Pushes, r)
		}
		return
	}
	b.trace.Requests = append(b.trace.Requests, r)
}

// DNS implements [decode.Out].
func (b *builder) DNS(m *decode.Message) {
	b.lookups.Add(m)
	if m.Msg != nil && m.Msg.Response && !m.Upstream {
		b.pulse.steps++
	}
}
