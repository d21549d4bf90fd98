package diagnose

import (
	"net/http"
	"strconv"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Kinds of evidence, as [trace.Evidence.Kind].
const (
	kindConnection = "connection"
	kindRequest    = "request"
	kindLookup     = "lookup"
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
		text += ": " + strconv.Itoa(r.Status) + " " + r.StatusText
	} else if r.Error != "" {
		text += ": " + r.Error
	}
	return requestEvidence(r, text)
}

func lookupEvidence(l *trace.Lookup) trace.Evidence {
	text := l.Type + " " + l.Name + " asked of " + l.Server
	switch {
	case l.RCode != "":
		text += ": " + l.RCode + ", " + strconv.Itoa(len(l.Answers)) + " records"
	case l.Error != "":
		text += ": " + l.Error
	default:
		text += " " + strconv.Itoa(l.Attempts) + " times: no answer"
	}
	return trace.Evidence{Kind: kindLookup, Ref: strconv.Itoa(l.ID), Frames: l.Frames, Text: text}
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

func tlsEvidence(c *trace.Connection, l *trace.TLS, text string) trace.Evidence {
	return trace.Evidence{Kind: kindConnection, Ref: strconv.Itoa(c.ID), Frames: l.Frames, Text: text}
}

func statusText(status int) string { return http.StatusText(status) }
