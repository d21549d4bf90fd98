package agent

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

// ticking puts a tick, at the time of the event and a minute later in turn, behind
// each event of a source.
type ticking struct {
	capture.Source
	last capture.Event
	n    int
}

func (s *ticking) Next() (capture.Event, error) {
	if s.last != nil {
		at := s.last.When().Add(time.Duration(s.n%2) * time.Minute)
		s.n, s.last = s.n+1, nil
		return &capture.Tick{Time: at}, nil
	}
	e, err := s.Source.Next()
	s.last = e
	return e, err
}

// mustOpen opens a recording.
func mustOpen(t *testing.T, path string) capture.Source {
	t.Helper()
	src, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// Looking at a run at every moment of it changes nothing.
func TestLookingChangesNothing(t *testing.T) {
	files, err := filepath.Glob("../testdata/*/*/capture.pcapng")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, path := range files {
		want, err := Run(mustOpen(t, path))
		if err != nil {
			t.Fatal(err)
		}
		looks := 0
		got, err := Watch(&ticking{Source: mustOpen(t, path)}, func(s *State) {
			if looks++; looks%5 == 0 { // all of them would take long
				s.Waits()
				s.Processes()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -unwatched +watched\n%s", path, d)
		}
		if looks == 0 {
			t.Errorf("%s: no tick arrived", path)
		}
	}
}

// What is awaited when the recording of a hang ends is told with its hop, and
// that nothing happens.
func TestWaitsAtTheEnd(t *testing.T) {
	for rule, want := range map[string]trace.Wait{
		"hang-no-response":    {For: trace.WaitAnswer, Hop: "goproxy:goproxy.test", Host: "goproxy.test"},
		"body-stall":          {For: trace.WaitBody, Hop: "redirect:cdn.test", Host: "cdn.test"},
		"proxy-hang-connect":  {For: trace.WaitTunnel, Hop: "http-proxy:proxy.test", Host: "proxy.test"},
		"proxy-tunnel-silent": {For: trace.WaitServerHello, Hop: "http-proxy:proxy.test", Host: "goproxy.test", Via: "proxy.test:3128", TunnelStatus: 200},
		"sumdb-hang":          {For: trace.WaitAnswer, Hop: "sumdb:sum.test", Host: "sum.test"},
	} {
		var got *trace.Wait
		src := &ticking{Source: mustOpen(t, filepath.Join("../testdata/faults", rule, "capture.pcapng"))}
		_, err := Watch(src, func(s *State) {
			if w := s.Waits(); len(w) > 0 {
				got = w[0]
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if got == nil {
			t.Errorf("%s: nothing is awaited", rule)
			continue
		}
		if got.About == "" && got.For != trace.WaitServerHello || got.Since.IsZero() {
			t.Errorf("%s: %+v", rule, got)
		}
		brief := trace.Wait{For: got.For, Hop: got.Hop, Host: got.Host, Via: got.Via, TunnelStatus: got.TunnelStatus}
		if d := cmp.Diff(want, brief); d != "" {
			t.Errorf("%s: -want +got\n%s", rule, d)
		}
	}
}

// A connect call that a signal interrupted is made again: it has not failed.
func TestInterruptedConnectIsAwaited(t *testing.T) {
	b := newBuilder(Options{})
	at := time.Unix(1_700_000_000, 0).UTC()
	b.event(&capture.Packet{Time: at, Frame: 1, Link: capture.LinkRaw, Data: syn(), Length: len(syn()), Direction: capture.Outbound, Socket: 7, PID: 1})
	b.event(&capture.Socket{Time: at, Kind: capture.SocketConnected, Cookie: 7, Type: 1, Protocol: 6, Errno: 512})
	if waits := b.state(&capture.Tick{Time: at.Add(time.Minute)}).Waits(); len(waits) != 1 || waits[0].For != trace.WaitConnect {
		t.Errorf("%+v", waits)
	}
}

// A socket that the kernel has closed waits for nobody: of two connections that
// race for a host one loses without a packet that says so.
func TestClosedSocketWaitsForNobody(t *testing.T) {
	for _, closed := range []bool{false, true} {
		b := newBuilder(Options{})
		at := time.Unix(1_700_000_000, 0).UTC()
		b.event(&capture.Packet{Time: at, Frame: 1, Link: capture.LinkRaw, Data: syn(), Length: len(syn()), Direction: capture.Outbound, Socket: 7, PID: 1})
		if closed {
			b.event(&capture.Socket{Time: at, Kind: capture.SocketState, Cookie: 7, Type: 1, Protocol: 6, OldState: 2, NewState: 7})
		}
		waits := b.state(&capture.Tick{Time: at.Add(time.Minute)}).Waits()
		if got := len(waits) == 0; got != closed {
			t.Errorf("closed %v: %d waits", closed, len(waits))
		}
	}
}

// syn is a packet from 10.0.0.1:40000 to 10.0.0.2:443 without checksums.
func syn() []byte {
	b := make([]byte, 40)
	b[0], b[3], b[8], b[9] = 0x45, 40, 64, 6
	copy(b[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	copy(b[20:], []byte{40000 >> 8, 40000 & 0xff, 443 >> 8, 443 & 0xff, 0, 0, 0, 9})
	b[32], b[33] = 5<<4, 2
	return b
}

// Quiet grows while nothing new happens, and only then.
func TestQuiet(t *testing.T) {
	b := newBuilder(Options{})
	at := time.Unix(1_700_000_000, 0).UTC()
	quiet := func(after time.Duration) time.Duration { return b.state(&capture.Tick{Time: at.Add(after)}).Quiet }
	b.event(&capture.Command{Time: at, Argv: []string{"go"}, PID: 1})
	quiet(0)
	if q := quiet(4 * time.Second); q != 4*time.Second {
		t.Errorf("%v", q)
	}
	b.event(&capture.Process{Time: at, Kind: capture.Exec, PID: 1, Exe: "/bin/go"})
	if q := quiet(5 * time.Second); q != 0 {
		t.Errorf("%v after a step of a process", q)
	}
	if q := quiet(7 * time.Second); q != 2*time.Second {
		t.Errorf("%v", q)
	}
	b.event(&capture.Packet{Time: at, Frame: 1, Link: capture.LinkRaw, Data: syn(), Length: len(syn()), Socket: 7, Direction: capture.Outbound})
	if q := quiet(8 * time.Second); q != 0 {
		t.Errorf("%v after a new connection", q)
	}
	b.event(&capture.Packet{Time: at.Add(time.Second), Frame: 2, Link: capture.LinkRaw, Data: syn(), Length: len(syn()), Socket: 7, Direction: capture.Outbound})
	if q := quiet(12 * time.Second); q != 4*time.Second {
		t.Errorf("%v after a SYN that was sent again", q)
	}
}
