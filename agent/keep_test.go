package agent

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// traffic is a source that makes connections as it is read.
type traffic struct {
	// connections is how many there are to be; kind says of which kind each is.
	connections int
	kind        func(n int) func(*conversation)
	made, frame int
	queue       []*capture.Packet
}

func (g *traffic) Next() (capture.Event, error) {
	for len(g.queue) == 0 {
		if g.made == g.connections {
			return nil, io.EOF
		}
		c := &conversation{number: g.made}
		g.kind(g.made)(c)
		g.queue = c.packets
		g.made++
	}
	p := g.queue[0]
	g.queue = g.queue[1:]
	g.frame++
	p.Frame, p.Time = g.frame, at(g.frame)
	return p, nil
}

func (g *traffic) Close() error { return nil }

// conversation is one TCP connection over IPv4; its number makes the client's
// address and port.
type conversation struct {
	number  int
	sent    [2]uint32
	packets []*capture.Packet
}

// say adds a segment of side 0, the client, or 1.
func (c *conversation) say(side int, flags byte, payload string) {
	b := make([]byte, 40, 40+len(payload))
	b[0], b[8], b[9], b[32], b[33], b[34] = 0x45, 64, 6, 5<<4, flags, 0xff
	binary.BigEndian.PutUint16(b[2:], uint16(40+len(payload)))
	ends := [2][6]byte{{10, byte(c.number >> 24), byte(c.number >> 16), byte(c.number >> 8), 0x9c, byte(c.number)}, {192, 0, 2, 2, 0, 80}}
	copy(b[12:], ends[side][:4])
	copy(b[16:], ends[1-side][:4])
	copy(b[20:], ends[side][4:])
	copy(b[22:], ends[1-side][4:])
	binary.BigEndian.PutUint32(b[24:], c.sent[side])
	binary.BigEndian.PutUint32(b[28:], c.sent[1-side])
	c.sent[side] += uint32(len(payload))
	if flags&0x03 != 0 {
		c.sent[side]++
	}
	b = append(b, payload...)
	c.packets = append(c.packets, &capture.Packet{Link: capture.LinkRaw, Data: b, Length: len(b)})
}

// asks is a connection with n requests and their answers.
func asks(n int) func(*conversation) {
	return func(c *conversation) {
		c.say(0, 0x02, "")
		c.say(1, 0x12, "")
		for i := range n {
			c.say(0, 0x18, fmt.Sprintf("GET /%d/%d HTTP/1.1\r\nHost: example.test\r\n\r\n", c.number, i))
			c.say(1, 0x18, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		c.say(0, 0x11, "")
		c.say(1, 0x11, "")
	}
}

// knocks is a SYN that nobody answers.
func knocks(c *conversation) { c.say(0, 0x02, "") }

// talks is a connection of a protocol that has no requests.
func talks(c *conversation) {
	c.say(0, 0x02, "")
	c.say(1, 0x12, "")
	c.say(1, 0x18, "220 hello\r\n")
	c.say(0, 0x11, "")
	c.say(1, 0x11, "")
}

func TestFactsAreCapped(t *testing.T) {
	for name, tt := range map[string]struct {
		connections           int
		kind                  func(n int) func(*conversation)
		requests, conns       int
		lostRequests, lostCon int
	}{
		"few":                        {4, func(int) func(*conversation) { return asks(5) }, 20, 4, 0, 0},
		"many requests":              {100, func(int) func(*conversation) { return asks(5) }, 20, 20, 480, 80},
		"many on one connection":     {1, func(int) func(*conversation) { return asks(50) }, 20, 1, 30, 0},
		"many without a request":     {100, func(int) func(*conversation) { return talks }, 0, 20, 0, 80},
		"a scan hides nothing after": {100, scanThenTalk, 20, 4 + 10 + 6, 0, 80},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := Options{MaxRequests: 20}.Run(&traffic{connections: tt.connections, kind: tt.kind})
			if err != nil {
				t.Fatal(err)
			}
			if len(tr.Requests) != tt.requests || len(tr.Connections) != tt.conns {
				t.Errorf("%d requests and %d connections are listed, want %d and %d", len(tr.Requests), len(tr.Connections), tt.requests, tt.conns)
			}
			var got trace.Unlisted
			if tr.Unlisted != nil {
				got = *tr.Unlisted
			}
			if want := (trace.Unlisted{Requests: tt.lostRequests, Connections: tt.lostCon}); got != want {
				t.Errorf("unlisted: %+v, want %+v", got, want)
			}
			said := slices.ContainsFunc(tr.NotSeen, func(s string) bool { return strings.Contains(s, "report --max-requests") })
			if said != (tr.Unlisted != nil) {
				t.Errorf("said: %v", tr.NotSeen)
			}
			complete(t, tr)
		})
	}
}

// scanThenTalk is a scan of 90 ports, then four connections with requests and
// six without.
func scanThenTalk(n int) func(*conversation) {
	switch {
	case n < 90:
		return knocks
	case n < 94:
		return asks(5)
	}
	return talks
}

// complete fails if a listed request is of a connection that is not.
func complete(t *testing.T, tr *trace.Trace) {
	t.Helper()
	listed := map[int]bool{}
	for _, c := range tr.Connections {
		listed[c.ID] = true
	}
	for _, r := range tr.Requests {
		if !listed[r.Connection] {
			t.Errorf("request %d is of connection %d, which is not listed", r.ID, r.Connection)
		}
	}
}

// TestHalfOpenFlood has more connections that nobody answers than are followed
// at a time; only so many are held, and listed.
func TestHalfOpenFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const n = 200_000
	tr, err := Options{MaxRequests: 1000}.Run(&traffic{connections: n, kind: func(int) func(*conversation) { return knocks }})
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Connections) != 500 || tr.Unlisted.Connections != n-500 {
		t.Errorf("%d connections are listed, %+v are not", len(tr.Connections), tr.Unlisted)
	}
	if !slices.ContainsFunc(tr.NotSeen, func(s string) bool { return strings.Contains(s, "bound of memory") }) {
		t.Errorf("no bound was met: %v", tr.NotSeen)
	}
}
