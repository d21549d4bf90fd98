package agent

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// finish closes what is still open and returns the facts in a fixed order.
func (b *builder) finish() *trace.Trace {
	b.table.Close()
	b.secrets.Close()
	b.sums.Close()
	t := b.trace
	t.Connections = b.keep.list()
	t.Lookups = b.lookups.Close()
	b.unsent()
	b.command()
	order(t)
	phases(t)
	redirections(t)
	b.unseen()
	return t
}

// redirections lists where this host leads connections elsewhere.
func redirections(t *trace.Trace) {
	if t.Environment == nil {
		return
	}
	for _, c := range t.Connections {
		r := trace.Redirection{Dialled: c.Remote, Reached: c.Reached}
		if c.Reached != "" && !slices.Contains(t.Environment.Transparent, r) {
			t.Environment.Transparent = append(t.Environment.Transparent, r)
		}
	}
}

// unsent adds the connections that the kernel refused to dial.
func (b *builder) unsent() {
	id := b.keep.numbers
	cookies := make([]uint64, 0, len(b.sockets))
	for c := range b.sockets {
		cookies = append(cookies, c)
	}
	slices.Sort(cookies)
	for _, c := range cookies {
		if conn := b.sockets[c].refused(id + 1); conn != nil {
			id++
			b.trace.Connections = append(b.trace.Connections, conn)
		}
	}
}

func (b *builder) command() {
	c := b.trace.Command
	if c == nil {
		return
	}
	end := b.last
	if !b.exit.Time.IsZero() {
		end = b.exit.Time
		c.Signal, c.Interrupted, c.TimedOut = b.exit.Signal, b.exit.Interrupted, b.exit.TimedOut
		if b.exit.Signal == "" {
			c.ExitCode = new(b.exit.Code)
		}
	}
	c.Duration = trace.Since(c.StartedAt, end)
}

// order sorts the facts by when they began and numbers the requests. A live
// run may learn a secret late and so finish a connection after a younger one;
// its recording has the secret first.
func order(t *trace.Trace) {
	slices.SortStableFunc(t.Connections, func(a, b *trace.Connection) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(t.Requests, func(a, b *trace.Request) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.Connection, b.Connection),
			cmp.Compare(stream(a), stream(b)))
	})
	process := map[int]uint32{}
	for _, c := range t.Connections {
		process[c.ID] = c.PID
	}
	for i, r := range t.Requests {
		r.ID, r.PID = i+1, process[r.Connection]
	}
}

func stream(r *trace.Request) uint32 {
	if r.HTTPStream == nil {
		return 0
	}
	return *r.HTTPStream
}

// phases adds the connection's share of the HAR timings to the request that
// paid for it: the first on the connection waited for TCP and the outer TLS
// layers, the first that is no CONNECT for the inner one.
func phases(t *trace.Trace) {
	first, inner := map[int]*trace.Request{}, map[int]*trace.Request{}
	for _, r := range t.Requests {
		if first[r.Connection] == nil {
			first[r.Connection] = r
		}
		if r.Method != "CONNECT" && inner[r.Connection] == nil {
			inner[r.Connection] = r
		}
	}
	for _, c := range t.Connections {
		if r := first[c.ID]; r != nil && c.Connect != nil {
			r.Timings.Connect = *c.Connect
		}
		for i, l := range c.TLS {
			r := first[c.ID]
			if i == len(c.TLS)-1 && inner[c.ID] != nil {
				r = inner[c.ID]
			}
			if r != nil && l.Duration != nil {
				r.Timings.TLS = max(r.Timings.TLS, 0) + *l.Duration
			}
		}
	}
}

// unseen says what could not be observed.
func (b *builder) unseen() {
	closed := closedLayers(b.trace)
	for _, p := range b.trace.Processes {
		if closed[p.PID] > 0 {
			p.Observed = "partial"
			p.Missing = cmp.Or(p.Missing, "no TLS secret was found for it")
			delete(closed, p.PID)
		}
	}
	b.trace.NotSeen = append(b.trace.NotSeen, stayClosed(b.trace)...)
	for reason, n := range b.table.Unread() {
		b.say("%d packet(s) could not be read: %s", n, reason)
		b.trace.Losses.UnreadPackets += uint64(n)
	}
	b.unlisted()
	for bound, n := range b.table.Limited() {
		b.say("a bound of memory was met %d time(s): %s", n, bound)
	}
	if b.trace.Command != nil && b.exit.Time.IsZero() {
		b.say("the end of the command: the recording stops before it")
	}
	if n := b.keep.unsaid; n > 0 {
		b.say("%d more sentence(s) like these", n)
	}
	slices.Sort(b.trace.NotSeen)
	b.trace.NotSeen = slices.Compact(b.trace.NotSeen)
}

// closedLayers counts the TLS layers that could not be opened by process.
func closedLayers(t *trace.Trace) map[uint32]int {
	closed := map[uint32]int{}
	for _, c := range t.Connections {
		for _, l := range c.TLS {
			if l.Established && !l.Decrypted {
				closed[c.PID]++
			}
		}
	}
	return closed
}

// stayClosed says whose TLS layers could not be opened, and why.
func stayClosed(t *trace.Trace) []string {
	closed := closedLayers(t)
	var said []string
	for _, p := range t.Processes {
		if n := closed[p.PID]; n > 0 {
			said = append(said, fmt.Sprintf("%d TLS connection(s) of %s (pid %d) stay closed: %s", n, p.Exe, p.PID, p.Missing))
			delete(closed, p.PID)
		}
	}
	rest := 0
	for _, n := range closed {
		rest += n
	}
	if rest > 0 {
		said = append(said, fmt.Sprintf("%d TLS connection(s) stay closed: no secret for them in the capture or a key log (--keylog)", rest))
	}
	return said
}

func (b *builder) say(format string, args ...any) {
	b.trace.NotSeen = append(b.trace.NotSeen, fmt.Sprintf(format, args...))
}
