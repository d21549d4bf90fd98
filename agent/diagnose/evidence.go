package diagnose

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Kinds of evidence, as [trace.Evidence.Kind].
const (
	kindConnection = "connection"
	kindRequest    = "request"
	kindLookup     = "lookup"
	kindProcess    = "process"
	kindConfig     = "config"
)

func connectionEvidence(c *trace.Connection, text string) trace.Evidence {
	return trace.Evidence{Kind: kindConnection, Ref: strconv.Itoa(c.ID), Frames: c.Frames, Text: text}
}

func requestEvidence(r *trace.Request, text string) trace.Evidence {
	return trace.Evidence{Kind: kindRequest, Ref: strconv.Itoa(r.ID), Frames: r.Frames, Text: text}
}

// answerEvidence shows a request with its status.
func answerEvidence(r *trace.Request) trace.Evidence {
	text := r.Method + " " + plainURL(r.URL)
	if r.Status != 0 {
		text += ": " + strconv.Itoa(r.Status) + " " + cmp.Or(r.StatusText, statusText(r.Status))
	} else if r.Error != "" {
		text += ": " + r.Error
	}
	return requestEvidence(r, text)
}

// bodyEvidence shows an answer by what came in it.
func bodyEvidence(r *trace.Request) trace.Evidence {
	e := answerEvidence(r)
	if kind := r.Header("Content-Type"); kind != "" {
		e.Text += ", Content-Type: " + kind
	}
	body := bytes.TrimSpace(decode.Plain(r))
	switch {
	case len(body) > 0:
		e.Text += ", and the body begins " + quoteStart(body[:min(len(body), 32)])
	case r.ResponseBytes == 0:
		e.Text += ", 0 bytes"
	}
	return e
}

// unansweredEvidence shows a request that waited.
func unansweredEvidence(r *trace.Request, waited time.Duration) trace.Evidence {
	return requestEvidence(r, r.Method+" "+plainURL(r.URL)+": no byte of an answer for "+seconds(waited)+" s, neither FIN nor RST")
}

func lookupEvidence(l *trace.Lookup) trace.Evidence {
	text := l.Type + " " + l.Name + " asked of " + l.Server
	if l.Upstream {
		text += " by the local resolver"
	}
	switch {
	case l.RCode == "NOERROR":
		text += ": NOERROR, " + told(l.Answers)
	case l.RCode != "":
		text += ": " + l.RCode
	case l.Error != "":
		text += ": " + l.Error
	default:
		text += ", " + times(l.Attempts) + ": no answer"
	}
	return trace.Evidence{Kind: kindLookup, Ref: strconv.Itoa(l.ID), Frames: l.Frames, Text: text}
}

// told says what records there were; those after the first few are counted.
func told(list []trace.Answer) string {
	switch n := len(list) - maxEvidence; {
	case len(list) == 0:
		return "no records"
	case n > 0:
		return data(list[:maxEvidence]) + " and " + strconv.Itoa(n) + " more"
	}
	return data(list)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// configEvidence shows a setting with where it was set; nothing if it is not
// known. The value must not hold credentials.
func (f *facts) configEvidence(name, value string) []trace.Evidence {
	env := f.Trace.Environment
	if env == nil {
		return nil
	}
	text := name + "=" + value
	if o := env.GoEnv[name].Origin; o != "" {
		text += " (" + o + ")"
	}
	return []trace.Evidence{{Kind: kindConfig, Ref: name, Text: text}}
}

// processEvidence shows how a process ended.
func processEvidence(p *trace.Process) trace.Evidence {
	text := p.CommandLine()
	if p.ExitCode != nil {
		text += ": exit code " + strconv.Itoa(*p.ExitCode)
	}
	return trace.Evidence{Kind: kindProcess, Ref: strconv.FormatUint(uint64(p.PID), 10), Text: text}
}

func tlsEvidence(c *trace.Connection, l *trace.TLS, text string) trace.Evidence {
	return trace.Evidence{Kind: kindConnection, Ref: strconv.Itoa(c.ID), Frames: l.Frames, Text: text}
}

func statusText(status int) string { return http.StatusText(status) }
