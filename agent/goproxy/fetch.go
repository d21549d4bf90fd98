package goproxy

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// goal is one file that one process wanted.
type goal struct {
	pid                      uint32
	module, version, purpose string
}

// fetching is a fetch in the making.
type fetching struct {
	goal  goal
	list  []Entry            // the entries for this module, in list order
	tries [][]*trace.Request // by index in list; chain heads and what followed
	// reasons are why an entry was never reached, by index.
	reasons map[int]string
	// shared is how the fetch from version control ended that an earlier goal
	// of the same module already paid for.
	shared  string
	started time.Time
}

// try adds requests that went to the entry at index i.
func (f *fetching) try(i int, rs ...*trace.Request) {
	for len(f.tries) <= i {
		f.tries = append(f.tries, nil)
	}
	f.tries[i] = append(f.tries[i], rs...)
}

// tried returns the requests that went to the entry at index i.
func (f *fetching) tried(i int) []*trace.Request {
	if i < len(f.tries) {
		return f.tries[i]
	}
	return nil
}

// fetches groups the requests by what they were for and works out which
// entries were tried for it, in order, and why each was or was not the last.
func (v *View) fetches() []*trace.Fetch {
	list := v.gather()
	list = v.addDirect(list)
	unreached := v.unreachedHosts()
	for _, f := range list {
		v.addUnreached(f, unreached)
	}
	list = append(list, v.neverAsked(list, unreached)...)
	slices.SortStableFunc(list, func(a, b *fetching) int { return a.started.Compare(b.started) })
	out := make([]*trace.Fetch, 0, len(list))
	for _, f := range list {
		out = append(out, v.finish(f))
	}
	served := v.servedModules(out)
	for n, f := range out {
		instead, ok := served.otherwise(f)
		longer, prefix := served.overshadowed(f)
		wanted, probe := served.probe(f)
		switch {
		case f.Outcome == trace.OK:
		case ok:
			if f.Outcome == trace.Failed && refused(v, f) {
				f.Outcome = NotFound
			}
			v.disregard(list[n], f, ignored(f.Module, instead))
		case prefix:
			v.disregard(list[n], f, "go tries each prefix of "+longer+" too")
		case probe:
			if f.Outcome == trace.Failed && refused(v, f) {
				f.Outcome = NotFound
			}
			v.disregard(list[n], f, "go tries each prefix of "+wanted+" too, and did not have to ask for that one")
		}
	}
	return out
}

// ignored says why a failure did not matter.
func ignored(module, instead string) string {
	if instead == module {
		return "go ignored it, since it got the versions another way"
	}
	return "go ignored it, since it found " + instead
}

// disregard puts what a failed query meant in the place of what follows from
// the list.
func (v *View) disregard(f *fetching, out *trace.Fetch, meaning string) {
	if len(out.Attempts) == 0 {
		return
	}
	last := &out.Attempts[len(out.Attempts)-1]
	i := slices.IndexFunc(f.list, func(e Entry) bool { return e.String() == last.Entry })
	if i >= 0 && last.Outcome != trace.OK {
		last.NextBecause = cmp.Or(v.why(f, i), failedSomehow) + ": " + meaning
	}
}

// head is where a request belongs, and with it what follows from its redirect.
type head struct {
	f     *fetching
	entry int
}

// gather makes a fetching for each goal that a request tells of.
func (v *View) gather() []*fetching {
	byGoal := make(map[goal]*fetching, len(v.Trace.Requests))
	var list []*fetching
	heads := newByID[head](len(v.Trace.Requests))
	for _, r := range v.Trace.Requests {
		if h := heads.get(r.RedirectedFrom); h.f != nil {
			heads.set(r.ID, h)
			h.f.try(h.entry, r)
			continue
		}
		g, ok := v.goalOf(r)
		if !ok {
			continue
		}
		f := byGoal[g]
		if f == nil {
			// clipped: what is added to it is this fetch's own
			f = &fetching{goal: g, list: slices.Clip(v.Config.listFor(pathOf(g))), started: r.StartedAt}
			byGoal[g] = f
			list = append(list, f)
		}
		i := v.entryFor(f, r)
		f.try(i, r)
		heads.set(r.ID, head{f, i})
	}
	return list
}

// goalOf returns what a request to a module proxy or checksum database is for.
func (v *View) goalOf(r *trace.Request) (goal, bool) {
	g := goal{pid: r.PID, module: r.Module, version: r.Version, purpose: r.Purpose}
	switch r.Purpose {
	case trace.PurposeList, trace.PurposeInfo, trace.PurposeMod, trace.PurposeZip,
		trace.PurposeLatest, trace.PurposeToolchain, trace.PurposeLookup:
		return g, true
	case trace.PurposeSupported, trace.PurposeTile:
		// Not about a module: the fetch is named after the database.
		g.module = v.Config.SumDBName(r.URL)
		return g, true
	}
	return goal{}, false
}

// pathOf returns the module path that GONOPROXY is compared with, or "" for
// the checksum database, which is asked through the list all the same.
func pathOf(g goal) string {
	if isSumDB(g.purpose) {
		return ""
	}
	return g.module
}

func isSumDB(purpose string) bool {
	return purpose == trace.PurposeSupported || purpose == trace.PurposeLookup || purpose == trace.PurposeTile
}

// entryFor returns the index in f.list of the entry that a request went to. An
// entry that the settings do not have is added: in a plain capture file the
// list is known from the requests only.
func (v *View) entryFor(f *fetching, r *trace.Request) int {
	parsed, _ := parseURL(r.URL) // one that does not parse is like none
	u := &parsed
	if i := (&Config{List: f.list}).entryOf(u); i >= 0 {
		return i
	}
	base := Direct // a database that is asked without a proxy
	if !isSumDB(f.goal.purpose) || strings.Contains(u.Path, "/sumdb/") {
		base = basePart(u, f.goal)
	}
	if i := slices.IndexFunc(f.list, func(e Entry) bool { return e.URL == base }); i >= 0 {
		return i
	}
	f.list = append(f.list, Entry{URL: base})
	return len(f.list) - 1
}

// basePart is the URL up to the module path, or up to /sumdb/.
func basePart(u *url.URL, g goal) string {
	path := u.Path
	if i := strings.Index(path, "/sumdb/"); isSumDB(g.purpose) && i >= 0 {
		path = path[:i]
	} else if i := strings.LastIndex(path, "/@"); i >= 0 {
		path = path[:i]
		for path != "" && unescapePath(strings.TrimPrefix(path, "/")) != g.module {
			// Take the base path off from the left, element by element.
			j := strings.IndexByte(path[1:], '/')
			if j < 0 {
				break
			}
			path = path[j+1:]
		}
		path = strings.TrimSuffix(u.Path[:i], path)
	}
	return u.Scheme + "://" + u.Host + path
}

// finish turns a fetching into the report's form.
func (v *View) finish(f *fetching) *trace.Fetch {
	out := &trace.Fetch{Module: f.goal.module, Version: f.goal.version, Purpose: f.goal.purpose, Attempts: []trace.Attempt{}}
	var tried []int
	for i := range f.list {
		if len(f.tried(i)) > 0 || f.reasons[i] != "" {
			tried = append(tried, i)
		}
	}
	for n, i := range tried {
		a := v.attempt(f, i)
		a.NextBecause = because(f.list, i, n+1 < len(tried) || f.shared != "", f.goal.purpose, a.Outcome, v.why(f, i))
		out.Attempts = append(out.Attempts, a)
	}
	if f.shared != "" {
		out.Attempts = append(out.Attempts, trace.Attempt{Entry: Direct, Requests: []int{}, Outcome: f.shared})
	}
	out.Outcome = trace.Unknown
	if n := len(out.Attempts); n > 0 {
		out.Outcome = out.Attempts[n-1].Outcome
	}
	return out
}

func (v *View) attempt(f *fetching, i int) trace.Attempt {
	a := trace.Attempt{Entry: f.list[i].String(), Separator: f.list[i].Separator, Requests: []int{}, Outcome: trace.Failed}
	tries := f.tried(i)
	slices.SortStableFunc(tries, func(a, b *trace.Request) int { return a.StartedAt.Compare(b.StartedAt) })
	for _, r := range tries {
		a.Requests = append(a.Requests, r.ID)
	}
	if f.list[i].URL == Direct && !isSumDB(f.goal.purpose) {
		a.Outcome = v.directOutcome(f, i)
	} else if last := lastOf(tries); last != nil && (last.Purpose != trace.PurposeConnect || last.Status == 0) {
		a.Outcome = v.outcome(last)
		if last.Purpose == trace.PurposeConnect && v.Patience() == patience {
			a.Outcome = trace.Failed // go gave up: this has a time limit
		}
	}
	return a
}

// lastOf returns the request that decides: of one that was sent again, the
// second; of a chain of redirects, the end.
func lastOf(rs []*trace.Request) *trace.Request {
	if len(rs) == 0 {
		return nil
	}
	return rs[len(rs)-1]
}

// why says why the attempt failed; empty for one that did not.
func (v *View) why(f *fetching, i int) string {
	if s := f.reasons[i]; s != "" {
		return s
	}
	rs := f.tried(i)
	if last := lastOf(rs); len(rs) >= maxRedirects && Location(last) != "" {
		return fmt.Sprintf("%d redirects and no end", maxRedirects)
	}
	for n := len(rs) - 1; n >= 0; n-- {
		if v.outcome(rs[n]) != trace.OK {
			return v.reason(rs[n])
		}
	}
	if f.list[i].URL == Direct && !isSumDB(f.goal.purpose) {
		return v.directReason(f.goal.module)
	}
	return ""
}
