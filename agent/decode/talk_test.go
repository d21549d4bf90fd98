package decode

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// heard is an [Out] that keeps everything.
type heard struct {
	requests []*trace.Request
	messages []*Message
}

func (h *heard) Request(r *trace.Request) { h.requests = append(h.requests, r) }
func (h *heard) DNS(m *Message)           { h.messages = append(h.messages, m) }

// newTalk returns a connection to decode and what is heard on it.
func newTalk(port uint16) (*Conn, *heard) {
	out := &heard{}
	return &Conn{
		Facts: &trace.Connection{ID: 7, PID: 42},
		Endpoints: flow.Endpoints{
			Client: netip.MustParseAddrPort("192.0.2.1:40000"),
			Server: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), port),
		},
		Secrets: keylog.NewStore(),
		Out:     out,
	}, out
}

// start is when frame 0 was.
func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// at is the mark of frame n; frames are 1 ms apart.
func at(n int) flow.Mark {
	return flow.Mark{Frame: n, Time: start().Add(time.Duration(n) * time.Millisecond)}
}

// play gives s a conversation, a line for each packet:
//
//	>> bytes of the client, as in a Go string
//	<< bytes of the server
//	>GAP 10, <GAP 10   bytes that were not observed
//	>FIN, <FIN         the end of a direction
//	RST, OPEN          the end of both, where not yet ended
//
// Empty lines are left out. The conversation ends with OPEN.
func play(t testing.TB, s flow.Stream, script string) {
	t.Helper()
	var ended [2]bool
	end := func(d flow.Dir, how flow.Ending, m flow.Mark) {
		if !ended[d] {
			ended[d] = true
			s.End(d, how, m)
		}
	}
	n := 0
	for line := range strings.Lines(script + "\nOPEN\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		n++
		d := flow.ToServer
		if line[0] == '<' {
			d = flow.ToClient
		}
		switch {
		case line == "RST" || line == "OPEN":
			how := flow.Open
			if line == "RST" {
				how = flow.Reset
			}
			end(flow.ToServer, how, at(n))
			end(flow.ToClient, how, at(n))
		case line[1:] == "FIN":
			end(d, flow.Finished, at(n))
		case strings.HasPrefix(line[1:], "GAP "):
			gap, err := strconv.ParseUint(line[5:], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			s.Gap(d, gap, at(n))
		default:
			b, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.TrimPrefix(line[2:], " "), `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			s.Data(d, []byte(b), at(n))
		}
	}
}

// tell is a request in one line.
func tell(r *trace.Request) string {
	var b strings.Builder
	if r.HTTPStream != nil {
		fmt.Fprintf(&b, "#%d ", *r.HTTPStream)
	}
	if r.Pushed {
		b.WriteString("pushed ")
	}
	fmt.Fprintf(&b, "%s %s %s", r.Method, r.URL, r.Protocol)
	if r.RequestBytes > 0 {
		fmt.Fprintf(&b, " +%d", r.RequestBytes)
	}
	b.WriteString(" =>")
	if len(r.Informational) > 0 {
		fmt.Fprintf(&b, " %v", r.Informational)
	}
	if r.Status != 0 {
		fmt.Fprintf(&b, " %s", strings.TrimSpace(fmt.Sprint(r.Status, " ", r.StatusText)))
	}
	if r.UpgradedStatus != 0 {
		fmt.Fprintf(&b, " then %d", r.UpgradedStatus)
	}
	if r.ResponseBytes > 0 {
		fmt.Fprintf(&b, " +%d", r.ResponseBytes)
	}
	if r.ResponseComplete {
		b.WriteString(" complete")
	}
	if r.Error != "" {
		fmt.Fprintf(&b, " error %q", r.Error)
	}
	return b.String()
}

// tellAll is a line for each request.
func tellAll(requests []*trace.Request) string {
	var b strings.Builder
	for _, r := range requests {
		b.WriteString(tell(r) + "\n")
	}
	return b.String()
}

// lines takes the indentation out of an expectation.
func lines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// same fails the test if the two differ.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// talk is a conversation and what must be understood of it.
type talk struct {
	name   string
	port   uint16
	script string
	want   string   // requests, by tell
	layers []string // left out: not compared
	notes  []string
}

// check plays a talk.
func (tc *talk) check(t *testing.T) {
	t.Helper()
	c, out := newTalk(tc.port)
	play(t, NewDetect(c), tc.script)
	same(t, "requests", tellAll(out.requests), lines(tc.want))
	if tc.layers != nil {
		same(t, "layers", c.Facts.Layers, tc.layers)
	}
	same(t, "notes", c.Facts.Notes, tc.notes)
}
