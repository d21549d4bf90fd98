package words

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Verdict writes the summary of the verdict: the sentence of the finding that
// explains the outcome, or what was seen if nothing does. The findings must
// have been filled in.
func Verdict(t *trace.Trace, lang string) {
	for _, f := range t.Findings {
		if t.Verdict.Finding != "" && f.Rule == t.Verdict.Finding && f.Hop == t.Verdict.Hop {
			t.Verdict.Summary = f.Summary + limited(t)
			if t.Verdict.Outcome == trace.OK {
				t.Verdict.Summary = "the command succeeded, but time was lost: " + f.Summary
			}
			return
		}
	}
	t.Verdict.Summary = unexplained(t)
}

// limited says that the time limit ended the command, if it did while the
// command waited.
func limited(t *trace.Trace) string {
	if t.Command == nil || !t.Command.TimedOut {
		return ""
	}
	return "; --timeout ended the command"
}

// unexplained says how the command ended where no finding says why.
func unexplained(t *trace.Trace) string {
	switch t.Verdict.Outcome {
	case trace.OK:
		return succeeded(t)
	case trace.Failed:
		return fmt.Sprintf("the command failed (%s), and nothing on the wire explains it: %s", exit(t.Command), seen(t))
	case trace.Interrupted:
		if t.Command.TimedOut {
			return fmt.Sprintf("--timeout ended the command, and nothing shows that it waited for the network: %s", seen(t))
		}
		return fmt.Sprintf("the command was interrupted (%s), and nothing shows that it waited for the network: %s", exit(t.Command), seen(t))
	}
	return "nothing conclusive: " + seen(t)
}

func succeeded(t *trace.Trace) string {
	s := "no fault found: " + seen(t)
	if t.Command != nil && t.Selection == nil {
		s = "the command succeeded: " + seen(t) + probed(t)
	}
	warnings := 0
	for _, f := range t.Findings {
		if f.Severity == trace.Warning {
			warnings++
		}
	}
	if warnings > 0 {
		s += ", with " + count(warnings, "warning")
	}
	return s
}

// probed explains the refusals that a command got over: go asks for each prefix
// of a package's path whether that is the module
// ($GOROOT/src/cmd/go/internal/modload/query.go, queryPrefixModules).
func probed(t *trace.Trace) string {
	refused := map[int]int{}
	for _, r := range t.Requests {
		if r.Status >= 400 && r.Status < 500 {
			refused[r.ID] = r.Status
		}
	}
	n, statuses := 0, []string{}
	for _, f := range t.Fetches {
		if f.Outcome != "not-found" || len(f.Attempts) == 0 || !related(t, f) {
			continue
		}
		last := f.Attempts[len(f.Attempts)-1].Requests
		if len(last) == 0 || refused[last[len(last)-1]] == 0 {
			continue
		}
		n++
		statuses = append(statuses, strconv.Itoa(refused[last[len(last)-1]]))
	}
	if n == 0 {
		return ""
	}
	slices.Sort(statuses)
	verb := map[bool]string{true: "was", false: "were"}[n == 1]
	return fmt.Sprintf("; %s of a path prefix %s answered %s, which is normal", count(n, "probe"), verb, strings.Join(slices.Compact(statuses), " or "))
}

// related reports whether another fetch was for a path above or below.
func related(t *trace.Trace, f *trace.Fetch) bool {
	return slices.ContainsFunc(t.Fetches, func(g *trace.Fetch) bool {
		return strings.HasPrefix(g.Module, f.Module+"/") || strings.HasPrefix(f.Module, g.Module+"/")
	})
}

// exit says how a command ended.
func exit(c *trace.Command) string {
	switch {
	case c == nil:
		return "no exit code known"
	case c.Signal != "":
		return c.Signal
	case c.ExitCode != nil:
		return fmt.Sprintf("exit %d", *c.ExitCode)
	}
	return "no exit code known"
}

// seen counts what there was.
func seen(t *trace.Trace) string {
	asked := 0
	for _, l := range t.Lookups {
		if !l.Upstream {
			asked++
		}
	}
	if asked+len(t.Connections)+len(t.Requests) == 0 {
		return untouched(t)
	}
	answered := 0
	for _, r := range t.Requests {
		if r.Status != 0 {
			answered++
		}
	}
	parts := []string{
		count(asked, "lookup"), count(len(t.Connections), "connection"),
		count(len(t.Requests), "request"),
	}
	s := strings.Join(parts, ", ")
	if len(t.Requests) > 0 {
		s += fmt.Sprintf(" (%d answered)", answered)
	}
	return s
}

// untouched says that the network was not used, as far as that can be told, and
// why a go command may not need it.
func untouched(t *trace.Trace) string {
	if t.Selection != nil {
		return "nothing of the capture was selected"
	}
	if t.Command == nil {
		return "the capture holds no connection and no lookup"
	}
	s := "the network was not used"
	if isGo(t.Command) && t.Environment != nil && t.Environment.GoEnv["GOMODCACHE"].Value != "" {
		s += " (go fetches nothing that is in its cache: " + t.Environment.GoEnv["GOMODCACHE"].Value + ")"
	}
	return s
}

func isGo(c *trace.Command) bool { return c != nil && len(c.Argv) > 0 && path.Base(c.Argv[0]) == "go" }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
