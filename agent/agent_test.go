package agent

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// script is a source that was written down.
type script struct {
	events []capture.Event
	end    error
}

func (s *script) Next() (capture.Event, error) {
	if len(s.events) == 0 {
		return nil, s.end
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e, nil
}

func (s *script) Close() error { return nil }

// at is n milliseconds after the start of the script.
func at(n int) time.Time {
	return time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

func mustRun(t *testing.T, events ...capture.Event) *trace.Trace {
	t.Helper()
	tr, err := Run(&script{events, io.EOF})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestProcessTree(t *testing.T) {
	tr := mustRun(t,
		&capture.Command{Time: at(0), Argv: []string{"go", "get", "x"}, PID: 10, UID: 1000},
		&capture.Process{Time: at(1), Kind: capture.Exec, PID: 10, PPID: 9, Exe: "/usr/bin/go", Argv: []string{"go", "get", "x"}, TLS: "crypto/tls"},
		&capture.Process{Time: at(2), Kind: capture.Fork, PID: 11, PPID: 10},
		&capture.Process{Time: at(3), Kind: capture.Exec, PID: 11, PPID: 10, Exe: "/usr/bin/git", Argv: []string{"git"}, TLS: "none", Missing: "no probe"},
		&capture.Process{Time: at(4), Kind: capture.ExitProc, PID: 11, WaitStatus: 128 << 8},
		&capture.Process{Time: at(5), Kind: capture.Fork, PID: 12, PPID: 10},
		&capture.Process{Time: at(6), Kind: capture.ExitProc, PID: 12, WaitStatus: uint32(syscall.SIGKILL)},
		&capture.Process{Time: at(7), Kind: capture.Fork, PID: 11, PPID: 10}, // the pid is used again
		&capture.Exit{Time: at(8), Code: 1},
	)
	if n := len(tr.Processes); n != 4 {
		t.Fatalf("%d processes, want 4", n)
	}
	git := tr.Processes[1]
	if git.PPID != 10 || *git.ExitCode != 128 || git.Observed != "partial" || git.Missing != "no probe" || !git.ExitedAt.Equal(at(4)) {
		t.Errorf("git: %+v", git)
	}
	if killed := tr.Processes[2]; killed.Signal != "SIGKILL" || killed.ExitCode != nil || killed.Exe != "/usr/bin/go" {
		t.Errorf("killed: %+v", killed)
	}
	if again := tr.Processes[3]; again.PID != 11 || !again.ExitedAt.IsZero() {
		t.Errorf("pid 11 again: %+v", again)
	}
	if c := tr.Command; *c.ExitCode != 1 || c.UID != 1000 || c.Duration != 8 {
		t.Errorf("command: %+v", c)
	}
}

// The kernel refused to dial: no packet shows it, the socket's events do.
func TestArgvCut(t *testing.T) {
	tr := mustRun(t,
		&capture.Command{Time: at(0), Argv: []string{"go", "get", "x", "y"}, PID: 10},
		&capture.Process{Time: at(1), Kind: capture.Exec, PID: 10, Exe: "/usr/bin/go", Argv: []string{"go", "get"}, ArgvCut: true},
		&capture.Process{Time: at(2), Kind: capture.Fork, PID: 11, PPID: 10},
		&capture.Process{Time: at(3), Kind: capture.Exec, PID: 11, PPID: 10, Exe: "/usr/bin/go", Argv: []string{"go", "get"}, ArgvCut: true},
		&capture.Process{Time: at(4), Kind: capture.Fork, PID: 12, PPID: 11},
		&capture.Process{Time: at(5), Kind: capture.Exec, PID: 10, Exe: "/usr/bin/git", Argv: []string{"git"}, ArgvCut: true},
	)
	var lines []string
	for _, p := range tr.Processes {
		lines = append(lines, p.CommandLine())
	}
	if want := []string{"git …", "go get …", "go get …"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if own := tr.Command.Argv; len(own) != 4 {
		t.Errorf("command %q", own)
	}
}

// What was started is known in full, though its exec was cut.
func TestArgvOfTheCommandIsWhole(t *testing.T) {
	tr := mustRun(t,
		&capture.Command{Time: at(0), Argv: []string{"go", "get", "x", "y"}, PID: 10},
		&capture.Process{Time: at(1), Kind: capture.Exec, PID: 10, Exe: "/usr/bin/go", Argv: []string{"go", "get"}, ArgvCut: true},
	)
	if p := tr.Processes[0]; p.ArgvCut || !slices.Equal(p.Argv, tr.Command.Argv) {
		t.Errorf("%q, cut %t", p.Argv, p.ArgvCut)
	}
}

func TestDialWithoutPackets(t *testing.T) {
	remote := netip.MustParseAddrPort("[2001:db8::1]:443")
	tr := mustRun(t,
		&capture.Socket{Time: at(1), Kind: capture.SocketConnect, Cookie: 7, PID: 10, Type: 1, Protocol: 6, Remote: remote},
		&capture.Socket{Time: at(1), Kind: capture.SocketConnected, Cookie: 7, PID: 10, Errno: uint32(syscall.ENETUNREACH)},
		&capture.Socket{Time: at(2), Kind: capture.SocketConnect, Cookie: 8, PID: 10, Type: 2, Protocol: 17, Remote: remote},
		&capture.Socket{Time: at(2), Kind: capture.SocketConnected, Cookie: 8, PID: 10, Errno: uint32(syscall.ENETUNREACH)},
		&capture.Socket{Time: at(3), Kind: capture.SocketConnect, Cookie: 9, PID: 10, Type: 1, Protocol: 6, Remote: remote},
		&capture.Socket{Time: at(3), Kind: capture.SocketConnected, Cookie: 9, PID: 10, Errno: uint32(syscall.EINPROGRESS)},
	)
	if len(tr.Connections) != 1 {
		t.Fatalf("%d connections, want the one that TCP was refused", len(tr.Connections))
	}
	if c := tr.Connections[0]; c.Errno != "ENETUNREACH" || c.Remote != remote.String() || c.Stream != nil || c.PID != 10 {
		t.Errorf("%+v", c)
	}
}

func TestLossesAddUp(t *testing.T) {
	tr := mustRun(t, &capture.Lost{Time: at(1), Packets: 2}, &capture.Lost{Time: at(2), Packets: 3, Events: 1}, &capture.Cut{Time: at(3), Packets: 4, Bytes: 5})
	if want := (trace.Losses{Packets: 5, Events: 1, CutPackets: 4, CutBytes: 5}); tr.Losses != want {
		t.Errorf("%+v, want %+v", tr.Losses, want)
	}
}

// What came before the damage is told, and so is the damage.
func TestDamagedSource(t *testing.T) {
	broken := errors.Join(errors.New("cut"), io.ErrUnexpectedEOF)
	tr, err := Run(&script{[]capture.Event{&capture.NotSeen{Time: at(1), Text: "a"}, &capture.NotSeen{Time: at(1), Text: "a"}}, broken})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	if tr == nil || len(tr.NotSeen) != 1 {
		t.Errorf("%+v", tr)
	}
}

func TestTimingsGoToWhoPaid(t *testing.T) {
	ms := func(m trace.Millis) *trace.Millis { return &m }
	none := trace.Timings{DNS: -1, Connect: -1, TLS: -1}
	tr := &trace.Trace{
		Connections: []*trace.Connection{
			{ID: 1, Connect: ms(2), TLS: []*trace.TLS{{Duration: ms(3)}, {Duration: ms(4)}}},
			{ID: 2, Connect: ms(5), TLS: []*trace.TLS{{Duration: ms(6)}}},
		},
		Requests: []*trace.Request{
			{ID: 1, Connection: 1, Method: "CONNECT", Timings: none},
			{ID: 2, Connection: 1, Method: "GET", Timings: none},
			{ID: 3, Connection: 1, Method: "GET", Timings: none},
			{ID: 4, Connection: 2, Method: "GET", Timings: none},
		},
	}
	phases(tr)
	for i, want := range []trace.Timings{
		{DNS: -1, Connect: 2, TLS: 3}, {DNS: -1, Connect: -1, TLS: 4}, none, {DNS: -1, Connect: 5, TLS: 6},
	} {
		if got := tr.Requests[i].Timings; got != want {
			t.Errorf("request %d: %+v, want %+v", i+1, got, want)
		}
	}
}
