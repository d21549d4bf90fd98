package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/report/words"
)

// stallTick is how often the state of a run is looked at.
const stallTick = 250 * time.Millisecond

// staller says on standard error what a command waits for that does not get on.
type staller struct {
	w io.Writer
	// after is how long nothing may happen; 0 says nothing unasked.
	after time.Duration
	// width is that of the terminal, whose line is written anew; 0 for a file,
	// which gets one line for each wait.
	width int
	// shown is the line that stands on the terminal.
	shown bool
	// told is what was said last, but for the time.
	told string
	at   time.Time
}

// newStaller returns one for a stream.
func newStaller(f *os.File, after time.Duration) *staller {
	s := &staller{w: f, after: after}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		s.width = max(width, 20)
	}
	return s
}

// look is called at each tick.
func (s *staller) look(st *agent.State) {
	switch {
	case st.Asked:
		s.clear()
		s.picture(st)
	case s.after == 0 || st.Quiet < s.after:
		s.clear()
		s.told = ""
	case st.At.Sub(s.at) >= time.Second:
		s.at = st.At
		s.stalled(st)
	}
}

// stalled says what is awaited for longest. While only a compiler works there is
// nothing to say.
func (s *staller) stalled(st *agent.State) {
	waits := st.Waits()
	if len(waits) == 0 || st.At.Sub(waits[0].Since) < s.after {
		s.clear()
		return
	}
	about := waits[0].Hop + "\n" + waits[0].For + "\n" + waits[0].About
	line := words.Waiting(waits[0], st.At, words.English)
	if len(waits) > 1 {
		line += words.MoreWaits(len(waits)-1, words.English)
	}
	line = ours(st, line)
	switch {
	case s.width > 0:
		fmt.Fprintf(s.w, "\r\x1b[K%s", fitting(line, s.width-1))
		s.shown = true
	case about != s.told:
		fmt.Fprintln(s.w, line)
	}
	s.told = about
}

// picture says everything that is awaited, and what runs.
func (s *staller) picture(st *agent.State) {
	waits := st.Waits()
	for _, w := range waits {
		fmt.Fprintln(s.w, ours(st, words.Waiting(w, st.At, words.English)))
	}
	if len(waits) == 0 {
		fmt.Fprintln(s.w, ours(st, words.NoWait(words.English)))
	}
	for _, p := range st.Processes() {
		fmt.Fprintln(s.w, ours(st, words.RunningProcess(p, st.At, words.English)))
	}
}

// clear takes the line off the terminal.
func (s *staller) clear() {
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
}

// ours marks a line as ours, with the age of the run. What a peer may have put
// into it is printed as text.
func ours(st *agent.State, line string) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return '?'
		}
		return r
	}, line)
	return fmt.Sprintf("gopx-trace: %s: %s", words.Elapsed(st.Running, words.English), line)
}

// fitting cuts a line so that it stays one on the terminal.
func fitting(line string, width int) string {
	if r := []rune(line); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return line
}
