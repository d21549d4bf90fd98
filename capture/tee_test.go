package capture

import (
	"errors"
	"io"
	"testing"
	"time"
)

type counting struct {
	left   int
	closed bool
}

func (c *counting) Next() (Event, error) {
	if c.left == 0 {
		return nil, io.EOF
	}
	c.left--
	return &NotSeen{Time: time.Unix(int64(c.left), 0)}, nil
}

func (c *counting) Close() error { c.closed = true; return nil }

type full struct{ room, got int }

func (f *full) Write(Event) error {
	if f.got == f.room {
		return errors.New("no space")
	}
	f.got++
	return nil
}

func (f *full) Close() error { return nil }

// A full disk ends the recording, never the run, and is told once.
func TestTeeSurvivesItsSink(t *testing.T) {
	src, sink := &counting{left: 5}, &full{room: 2}
	var failures []error
	s := Tee(src, sink, func(err error) { failures = append(failures, err) })
	n := 0
	for {
		_, err := s.Next()
		if err != nil {
			break
		}
		n++
	}
	if n != 5 || sink.got != 2 || len(failures) != 1 {
		t.Errorf("read %d, kept %d, failures %v", n, sink.got, failures)
	}
	if err := s.Close(); err != nil || !src.closed {
		t.Error("the source was not closed")
	}
}

func TestParseSecret(t *testing.T) {
	s, ok := ParseSecret([]byte("CLIENT_RANDOM 0a0b 0C0d\r\n"))
	if !ok || s.Label != "CLIENT_RANDOM" || string(s.ClientRandom) != "\x0a\x0b" || string(s.Secret) != "\x0c\x0d" {
		t.Errorf("%+v %v", s, ok)
	}
	for _, line := range []string{"", "# CLIENT_RANDOM 0a 0b", "CLIENT_RANDOM 0a", "CLIENT_RANDOM 0a 0", "CLIENT_RANDOM xx 0b", "A 0a 0b 0c"} {
		if s, ok := ParseSecret([]byte(line)); ok {
			t.Errorf("%q is no secret but gave %+v", line, s)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add([]byte("CLIENT_RANDOM 0a0b 0c0d"))
	f.Add([]byte("# x"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if s, ok := ParseSecret(line); ok && s.Label == "" {
			t.Errorf("%q has no label", line)
		}
	})
}

type clock struct{ left int }

func (c *clock) Next() (Event, error) {
	if c.left--; c.left < 0 {
		return nil, io.EOF
	}
	return &Tick{}, nil
}

func (c *clock) Close() error { return nil }

// Ticks reach the reader and no recording.
func TestTeeKeepsNoTicks(t *testing.T) {
	sink := &full{room: 9}
	s := Tee(&clock{left: 3}, sink, func(err error) { t.Error(err) })
	n := 0
	for {
		if _, err := s.Next(); err != nil {
			break
		}
		n++
	}
	if n != 3 || sink.got != 0 {
		t.Errorf("read %d, kept %d", n, sink.got)
	}
}
