package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

// slow yields what happened in the first two seconds of a recording, before its
// command was ended, and then ticks, a second apart.
type slow struct {
	capture.Source
	first, last time.Time
	ticks       int
	asked       bool
}

func (s *slow) Next() (capture.Event, error) {
	if s.first.IsZero() || s.last.Sub(s.first) < 2*time.Second {
		e, err := s.Source.Next()
		if err != nil {
			return nil, err
		}
		if s.last = e.When(); s.first.IsZero() {
			s.first = s.last
		}
		if s.last.Sub(s.first) < 2*time.Second {
			return e, nil
		}
	}
	if s.ticks == 0 {
		return nil, io.EOF
	}
	s.ticks--
	s.last = s.last.Add(time.Second)
	return &capture.Tick{Time: s.last, Asked: s.asked}, nil
}

// mustStall shows a staller a run that hangs at its end for some seconds.
func mustStall(t *testing.T, s *staller, seconds int, asked bool) string {
	t.Helper()
	var b strings.Builder
	s.w = &b
	src, err := pcapfile.Open("../../testdata/faults/hang-no-response/capture.pcapng")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := agent.Watch(&slow{Source: src, ticks: seconds, asked: asked}, s.look); err != nil {
		t.Fatal(err)
	}
	s.clear()
	return b.String()
}

// A file gets one line for a wait, a terminal one that is written anew and taken
// away; and nobody gets one before the time.
func TestStaller(t *testing.T) {
	const says = "waiting for the answer of goproxy.test"
	if s := mustStall(t, &staller{after: 5 * time.Second}, 30, false); strings.Count(s, says) != 1 || strings.Count(s, "\n") != 1 || strings.Contains(s, "\x1b") {
		t.Errorf("a file got %q", s)
	}
	s := mustStall(t, &staller{after: 5 * time.Second, width: 70}, 10, false)
	if strings.Contains(s, "\n") || !strings.HasSuffix(s, "…\r\x1b[K") || strings.Count(s, "\r\x1b[Kgopx-trace: ") != 5 {
		t.Errorf("a terminal got %q", s)
	}
	for _, line := range strings.Split(s, "\r\x1b[K") {
		if n := len([]rune(line)); n > 69 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	for name, st := range map[string]*staller{"early": {after: 5 * time.Second}, "off": {}} {
		seconds := map[string]int{"early": 4, "off": 30}[name]
		if s := mustStall(t, st, seconds, false); s != "" {
			t.Errorf("%s: %q", name, s)
		}
	}
}

// Who asks gets the picture at once: what is awaited and what runs.
func TestPicture(t *testing.T) {
	s := mustStall(t, &staller{}, 1, true)
	if !strings.Contains(s, "waiting for the answer of goproxy.test") || !strings.Contains(s, "go get (pid ") || !strings.Contains(s, "runs since") {
		t.Errorf("%q", s)
	}
}
