package diagnose

import (
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Error codes of HTTP/2 that have a rule of their own (RFC 9113, section 7).
const (
	refusedStream = "REFUSED_STREAM"
	calmDown      = "ENHANCE_YOUR_CALM"
	http11Only    = "HTTP_1_1_REQUIRED"
)

// endedByPeer returns the error code by which the peer ended the request's
// HTTP/2 stream, or its connection by GOAWAY; "" if it did not.
func endedByPeer(r *trace.Request) (code string, goAway bool) {
	if code, ok := strings.CutPrefix(r.Error, decode.StreamReset+" by remote: "); ok {
		// A server may cut short a request whose answer it has sent (RFC 9113, section 8.1).
		if code == "NO_ERROR" && r.ResponseComplete {
			return "", false
		}
		return code, false
	}
	if code, ok := strings.CutPrefix(r.Error, decode.GoneAway+" by remote: "); ok {
		return code, true
	}
	return "", false
}

// cutByGoAway reports whether a request crossed with the GOAWAY by which the
// peer ended its connection for an error.
func cutByGoAway(r *trace.Request, c *trace.Connection) bool {
	return r.Status == 0 && remoteEnd(c) && c.GoAway != nil && c.GoAway.SentBy == "remote" && c.GoAway.Code != "NO_ERROR"
}

// streamFault returns the findings for requests that the peer ended in HTTP/2's
// own way, with a code that matches.
func (f *facts) streamFault(match func(code string, goAway bool) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		c := f.Connection(r.Connection)
		code, goAway := endedByPeer(r)
		if code == "" && cutByGoAway(r, c) {
			code, goAway = c.GoAway.Code, true
		}
		if code == "" || !match(code, goAway) {
			continue
		}
		found := f.requestFinding(r, "code", code, "debug", "")
		found.Evidence[0].Text = r.Method + " " + plainURL(r.URL) + ": " + r.Error
		if goAway && c.GoAway != nil && c.GoAway.Debug != "" {
			found.Args["debug"] = c.GoAway.Debug
		}
		list = append(list, found)
	}
	return list
}

func h2RefusedStream(f *facts) []*trace.Finding {
	return f.streamFault(func(code string, goAway bool) bool { return !goAway && code == refusedStream })
}

func h2EnhanceYourCalm(f *facts) []*trace.Finding {
	return f.streamFault(func(code string, _ bool) bool { return code == calmDown })
}

func h2HTTP11Required(f *facts) []*trace.Finding {
	return f.streamFault(func(code string, _ bool) bool { return code == http11Only })
}

// h2GoAwayError: GOAWAY(NO_ERROR) is how a server ends a connection that it is
// done with, and the go command then asks again on another.
func h2GoAwayError(f *facts) []*trace.Finding {
	return f.streamFault(func(code string, goAway bool) bool {
		return goAway && code != calmDown && code != http11Only && code != "NO_ERROR"
	})
}

func h2StreamError(f *facts) []*trace.Finding {
	return f.streamFault(func(code string, goAway bool) bool {
		return !goAway && code != refusedStream && code != calmDown && code != http11Only
	})
}
