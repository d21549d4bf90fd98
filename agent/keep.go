package agent

import (
	"maps"
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// DefaultMaxRequests is how many requests are listed unless a user says
// otherwise, and as many connections, lookups and processes: five times what
// the largest go command that we met did.
const DefaultMaxRequests = 100_000

// maxSentences is how many sentences of the source about what it did not see
// are kept.
const maxSentences = 1000

// keep decides which facts go into the report, so that a capture of any length
// makes one of bounded size. The open connections, whose number flow.Table
// bounds, are kept; when one closes it stays
//
//   - if one of its requests is listed,
//   - or if it carried bytes and there is room,
//   - or if it carried none and those that carried none take less than half of
//     the room: a scan or a flood does not hide what comes after it.
type keep struct {
	limit int
	// numbers is how many connections there were.
	numbers     int
	connections map[int]*trace.Connection
	// used holds the connections with a listed request.
	used            map[int]struct{}
	closed, bare    int
	requests, procs int
	unlisted        trace.Unlisted
	unsaid          int
}

func newKeep(limit int) keep {
	return keep{limit: limit, connections: map[int]*trace.Connection{}, used: map[int]struct{}{}}
}

// open numbers a new connection.
func (k *keep) open(c *trace.Connection) {
	k.numbers++
	c.ID = k.numbers
	k.connections[c.ID] = c
}

// close decides about a connection that is complete.
func (k *keep) close(c *trace.Connection) {
	bare := c.BytesSent == 0 && c.BytesReceived == 0
	_, used := k.used[c.ID]
	switch {
	case used:
	case k.closed >= k.limit, bare && k.bare >= (k.limit+1)/2:
		delete(k.connections, c.ID)
		k.unlisted.Connections++
		return
	case bare:
		k.bare++
	}
	k.closed++
}

// request reports whether a request is to be listed.
func (k *keep) request(r *trace.Request) bool {
	if k.requests >= k.limit || k.connections[r.Connection] == nil {
		k.unlisted.Requests++
		return false
	}
	k.requests++
	k.used[r.Connection] = struct{}{}
	return true
}

// push reports whether another pushed request is to be listed after n.
func (k *keep) push(n int) bool {
	if n >= k.limit {
		k.unlisted.Requests++
	}
	return n < k.limit
}

// process reports whether another process is to be listed.
func (k *keep) process() bool {
	if k.procs >= k.limit {
		k.unlisted.Processes++
		return false
	}
	k.procs++
	return true
}

// sentence adds what the source says that it did not see.
func (k *keep) sentence(t *trace.Trace, text string) {
	if len(t.NotSeen) >= maxSentences {
		k.unsaid++
		return
	}
	t.NotSeen = append(t.NotSeen, text)
}

// list gives the connections in the order of their numbers.
func (k *keep) list() []*trace.Connection {
	ids := slices.Sorted(maps.Keys(k.connections))
	list := make([]*trace.Connection, 0, len(ids))
	for _, id := range ids {
		list = append(list, k.connections[id])
	}
	return list
}

// unlisted says what was seen and is not listed.
func (b *builder) unlisted() {
	u := b.keep.unlisted
	u.Lookups = b.lookups.Beyond
	if u == (trace.Unlisted{}) {
		return
	}
	b.trace.Unlisted = &u
	for _, kind := range []struct {
		n    int
		name string
	}{{u.Requests, "request(s)"}, {u.Connections, "connection(s)"}, {u.Lookups, "lookup(s)"}, {u.Processes, "process(es)"}} {
		if kind.n > 0 {
			b.say("%d %s are counted here and nowhere else: a report lists %d of a kind (report --max-requests)", kind.n, kind.name, b.keep.limit)
		}
	}
}
