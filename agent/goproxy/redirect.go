package goproxy

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxRedirects is how many redirects the go command follows
// ($GOROOT/src/cmd/go/internal/web/http.go, checkRedirect).
const maxRedirects = 10

// Location returns where a redirect leads, resolved against the request's URL
// (RFC 9110, section 10.2.2), or "" if the answer is no redirect.
func Location(r *trace.Request) string {
	switch r.Status {
	case 301, 302, 303, 307, 308:
	default:
		return ""
	}
	loc := r.Header("Location")
	if loc == "" || r.Method == "CONNECT" {
		return ""
	}
	base, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	u, err := base.Parse(loc)
	if err != nil {
		return ""
	}
	u.Fragment = ""
	return u.String()
}

// step is a URL that a process was sent to.
type step struct {
	pid uint32
	url string
}

// follow links each request to the redirect that it follows, and its repetitions
// while it has no answer. A request that its own URL says nothing about (a signed
// URL of a storage host) is for what the first one was for.
func follow(t *trace.Trace) {
	pending := map[step][]*trace.Request{}
	unanswered := map[step]*trace.Request{} // the redirects that lead to them
	for _, r := range t.Requests {
		if len(pending) > 0 {
			follows(r, pending, unanswered)
		}
		if to := Location(r); to != "" {
			key := step{r.PID, sameURL(to)}
			pending[key] = append(pending[key], r)
		}
	}
}

// follows links a request to the redirect that led to it, if any.
func follows(r *trace.Request, pending map[step][]*trace.Request, unanswered map[step]*trace.Request) {
	key := step{r.PID, sameURL(r.URL)}
	from, rest := take(pending[key], r.StartedAt)
	if from == nil {
		from = unanswered[key]
	}
	delete(unanswered, key)
	if from == nil {
		return
	}
	pending[key] = rest
	r.RedirectedFrom = from.ID
	if r.Status == 0 {
		unanswered[key] = from
	}
	if r.Purpose == trace.PurposeOther {
		r.Purpose, r.Module, r.Version = from.Purpose, from.Module, from.Version
	}
}

// take returns the oldest redirect that was answered by then, and the others.
func take(waiting []*trace.Request, then time.Time) (*trace.Request, []*trace.Request) {
	for i, r := range waiting {
		if !r.AnsweredAt.After(then) {
			return r, append(waiting[:i:i], waiting[i+1:]...)
		}
	}
	return nil, waiting
}

// sameURL brings a URL into one spelling, as far as clients change it on the
// way from a Location to a request: case of the host, default port, empty path.
func sameURL(raw string) string {
	u, err := parseURL(raw)
	if err != nil {
		return raw
	}
	u.Fragment, u.User, u.Host = "", nil, strings.ToLower(u.Host)
	if u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	} else if u.Scheme == "http" {
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// chains returns the runs of redirects, each from the request that began it.
func (v *View) chains() []*trace.Chain {
	next := map[int]*trace.Request{}
	for _, r := range v.Trace.Requests {
		if r.RedirectedFrom != 0 {
			next[r.RedirectedFrom] = r
		}
	}
	var list []*trace.Chain
	for _, r := range v.Trace.Requests {
		if r.RedirectedFrom == 0 && Location(r) != "" {
			list = append(list, v.chainFrom(r, next))
		}
	}
	return list
}

func (v *View) chainFrom(r *trace.Request, next map[int]*trace.Request) *trace.Chain {
	c := &trace.Chain{}
	seen, again := map[string]bool{}, false
	last := r
	for ; r != nil; r = next[r.ID] {
		again = again || seen[sameURL(r.URL)]
		seen[sameURL(r.URL)] = true
		c.Requests = append(c.Requests, r.ID)
		addHost(c, Host(r.URL))
		last = r
	}
	to := Location(last)
	c.FinalStatus = last.Status
	switch {
	case to != "" && (again || len(c.Requests) >= maxRedirects):
		c.Outcome = trace.Loop
	case to != "":
		// The way ended before the next request: its host was not reached.
		addHost(c, Host(to))
		c.Outcome = trace.Failed
	default:
		c.Outcome = v.outcome(last)
		if c.Outcome == NotFound {
			c.Outcome = trace.Failed
		}
	}
	return c
}

func addHost(c *trace.Chain, host string) {
	if host != "" && !slices.Contains(c.Hosts, host) {
		c.Hosts = append(c.Hosts, host)
	}
}
