package words

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Waiting says what a running command waits for at a time, in a clause without
// a full stop.
func Waiting(w *trace.Wait, at time.Time, lang string) string {
	switch lang {
	default:
		return waiting(w) + fmt.Sprintf(" (%s, since %s)", w.Hop, Elapsed(at.Sub(w.Since), lang))
	}
}

// Elapsed writes how long something has been going on, e.g. "38 s", "2 min 5 s".
func Elapsed(d time.Duration, lang string) string {
	s := int(d.Round(time.Second).Seconds())
	switch lang {
	default:
		if s < 120 {
			return fmt.Sprintf("%d s", s)
		}
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
}

// MoreWaits counts the waits that a line has no room for.
func MoreWaits(n int, lang string) string {
	switch lang {
	default:
		return fmt.Sprintf("; %d more", n)
	}
}

// NoWait says that nothing is awaited.
func NoWait(lang string) string {
	switch lang {
	default:
		return "nothing on the network is awaited"
	}
}

// RunningProcess names a process that runs, and since when: by its program and
// subcommand, for other arguments may hold secrets.
func RunningProcess(p *trace.Process, at time.Time, lang string) string {
	name := path.Base(p.Exe)
	if len(p.Argv) > 1 && isSubcommand(p.Argv[1]) {
		name += " " + p.Argv[1]
	}
	switch lang {
	default:
		return fmt.Sprintf("%s (pid %d) runs since %s", name, p.PID, Elapsed(at.Sub(p.StartedAt), lang))
	}
}

// isSubcommand reports whether an argument is a word of lower-case letters.
func isSubcommand(arg string) bool {
	return arg != "" && len(arg) <= 16 && strings.Trim(arg, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// waiting is the clause without when and where.
func waiting(w *trace.Wait) string {
	switch w.For {
	case trace.WaitLookup:
		return fmt.Sprintf("waiting for the answer of the resolver %s to %s, asked %s", w.Address, w.About, times(w.Attempts))
	case trace.WaitConnect:
		return fmt.Sprintf("waiting for the SYN-ACK of %s%s, SYN sent %s, no reset", place(w), through(w), times(w.Retransmits+1))
	case trace.WaitTunnel:
		return fmt.Sprintf("waiting for the answer of the proxy %s to %s%s", place(w), w.About, transport(w, ""))
	case trace.WaitServerHello:
		return fmt.Sprintf("waiting for the ServerHello of %s%s%s", place(w), through(w), transport(w, "ClientHello"))
	case trace.WaitHandshake:
		return fmt.Sprintf("waiting for the TLS handshake with %s%s to go on%s", place(w), through(w), transport(w, ""))
	case trace.WaitBody:
		of := ""
		if w.Length != "" {
			of = " of " + w.Length
		}
		return fmt.Sprintf("waiting for the rest of the answer of %s%s to %s: got %d%s bytes", place(w), through(w), w.About, w.Got, of)
	}
	return fmt.Sprintf("waiting for the answer of %s%s to %s%s", place(w), through(w), w.About, transport(w, "request"))
}

// place is who is awaited, with the address where that is the host's own.
func place(w *trace.Wait) string {
	if w.Via != "" || w.Address == "" || strings.HasPrefix(w.Address, w.Host+":") {
		return w.Host
	}
	return w.Host + " (" + w.Address + ")"
}

// through is the proxy between.
func through(w *trace.Wait) string {
	switch {
	case w.Via == "":
		return ""
	case w.TunnelStatus != 0:
		return fmt.Sprintf(" through %s, CONNECT answered %d", w.Via, w.TunnelStatus)
	}
	return " through " + w.Via
}

// transport says what TCP tells of what was sent: it repeats what is not
// acknowledged.
func transport(w *trace.Wait, what string) string {
	switch {
	case w.Retransmits > 0:
		return fmt.Sprintf(", %s sent again, no reset", count(w.Retransmits, "segment"))
	case what == "":
		return ", no reset"
	}
	return ", " + what + " acknowledged, no reset"
}

func times(n int) string { return count(max(n, 1), "time") }
