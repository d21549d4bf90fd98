package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/gopx-trace/gopx-trace/agent"
)

// selectFlags are the flags that pick a part of a capture file.
func selectFlags(fl *pflag.FlagSet, f *flags) {
	fl.StringVar(&f.selection.Host, "host", "", "only what has to do with `HOST`: a name or an address, also with :PORT")
	fl.IntVar(&f.selection.Connection, "conn", 0, "only the connection with the number `N`, as -v and the JSON report have it")
	fl.Var(&moment{&f.selection.Since}, "since", "only what was going on at that `TIME` or later: RFC 3339, or a duration from the start such as 1.5s")
	fl.Var(&moment{&f.selection.Until}, "until", "only what was going on at that `TIME` or earlier")
	fl.IntVar(&f.maxRequests, "max-requests", agent.DefaultMaxRequests, "list at most `N` requests, and as many connections, lookups and processes; the others are counted")
}

// checkSelection refuses what picks nothing.
func (f *flags) checkSelection() error {
	s := f.selection
	switch {
	case s.Connection < 0:
		return fail(fmt.Errorf("--conn %d: connections are numbered from 1", s.Connection), "gopx-trace report -v FILE shows the numbers")
	case f.maxRequests < 1:
		return fail(fmt.Errorf("--max-requests %d: at least one", f.maxRequests), "leave it out to list the first 100,000")
	case s.Since.Set && s.Until.Set && s.Until.Before(s.Since):
		return fail(errors.New("--until is before --since"), "--since 1.5s --until 10s")
	}
	return nil
}

// moment is an [agent.Moment] as a flag.
type moment struct{ at *agent.Moment }

// String implements [pflag.Value].
func (m *moment) String() string {
	switch {
	case m.at == nil || !m.at.Set:
		return ""
	case m.at.Time.IsZero():
		return m.at.After.String()
	}
	return m.at.Time.Format(time.RFC3339Nano)
}

// Type implements [pflag.Value].
func (*moment) Type() string { return "TIME" }

// Set implements [pflag.Value].
func (m *moment) Set(s string) error {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		*m.at = agent.Moment{After: d, Set: true}
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("%q is neither a time like 2026-01-31T13:00:00.5Z nor a duration from the start like 1.5s", s)
	}
	*m.at = agent.Moment{Time: t.UTC(), Set: true}
	return nil
}
