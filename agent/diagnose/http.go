package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// blamable returns the requests that a rule about HTTP may look at: those to
// the origin whose answer the command could not do without.
func (f *facts) blamable() []*trace.Request {
	var list []*trace.Request
	for _, r := range f.Trace.Requests {
		if r.Method != "CONNECT" && f.Connection(r.Connection) != nil && !f.Unseen(r) && !f.Harmless(r) {
			list = append(list, r)
		}
	}
	return list
}

// requestFinding is about one request.
func (f *facts) requestFinding(r *trace.Request, more ...string) *trace.Finding {
	return finding(f.requestHop(r), r.StartedAt, with(f.requestArgs(r), more...), answerEvidence(r))
}

// statusFault returns the findings for answers that match.
func (f *facts) statusFault(match func(*trace.Request) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		if r.Status != 0 && match(r) {
			list = append(list, f.requestFinding(r))
		}
	}
	return list
}

// forSumDB reports whether a request is for the checksum database.
func forSumDB(r *trace.Request) bool {
	return r.Purpose == trace.PurposeSupported || r.Purpose == trace.PurposeLookup || r.Purpose == trace.PurposeTile
}

// relayed reports whether it goes there through a module proxy.
func relayed(r *trace.Request) bool {
	return forSumDB(r) && strings.Contains(r.URL, "/sumdb/")
}

func missing(r *trace.Request) bool { return r.Status == 404 || r.Status == 410 }

// httpUnauthorized: the server wants credentials. Git's own requests have a
// rule of their own.
func httpUnauthorized(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool { return r.Status == 401 && !forGit(r) && !relayed(r) })
}

// httpForbidden: 403, and the other statuses that say no to this request for
// no other reason that has a rule.
func httpForbidden(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool {
		return r.Status >= 400 && r.Status < 500 && r.Status != 401 && !missing(r) && r.Status != 407 && r.Status != 429 && !relayed(r)
	})
}

func httpRateLimited(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool { return r.Status == 429 && !relayed(r) })
}

func httpServerError(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool { return r.Status >= 500 && !relayed(r) })
}

// redirectNoLocation: a redirect that does not say where to.
func redirectNoLocation(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool {
		switch r.Status {
		case 301, 302, 303, 307, 308:
			return r.Header("Location") == ""
		}
		return false
	})
}

// lastOf returns the last request of a chain.
func (f *facts) lastOf(c *trace.Chain) *trace.Request {
	if len(c.Requests) == 0 {
		return nil
	}
	return f.Request(c.Requests[len(c.Requests)-1])
}

func redirectLoop(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, c := range f.Trace.Chains {
		last := f.lastOf(c)
		if c.Outcome != trace.Loop || last == nil || f.Harmless(last) {
			continue
		}
		found := f.requestFinding(last, "count", strconv.Itoa(len(c.Requests)), "hosts", strings.Join(c.Hosts, ", "))
		found.Evidence = nil
		for _, id := range c.Requests[:min(len(c.Requests), maxEvidence)] {
			r := f.Request(id)
			found.Evidence = append(found.Evidence, requestEvidence(r, strconv.Itoa(r.Status)+" "+plainURL(r.URL)+" → "+plainURL(goproxy.Location(r))))
		}
		list = append(list, found)
	}
	return list
}

// deadEnd returns the chains that lead to a URL which was never asked for.
func (f *facts) deadEnd(match func(from *trace.Request, to string) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, c := range f.Trace.Chains {
		last := f.lastOf(c)
		if c.Outcome != trace.Failed || last == nil || f.Harmless(last) {
			continue
		}
		if to := goproxy.Location(last); to != "" && match(last, to) {
			found := f.requestFinding(last, "to", urlHost(to), "location", plainURL(to))
			found.Evidence[0].Text += ", Location: " + plainURL(to)
			list = append(list, found)
		}
	}
	return list
}

// redirectHTTPSToHTTP: the go command does not follow such a redirect
// ($GOROOT/src/cmd/go/internal/web/http.go).
func redirectHTTPSToHTTP(f *facts) []*trace.Finding {
	return f.deadEnd(func(from *trace.Request, to string) bool {
		return strings.HasPrefix(from.URL, "https://") && strings.HasPrefix(to, "http://")
	})
}

// redirectCDNBlocked: the module proxy works, the host that it sends to can't
// be reached. A proxy that refuses that host is the proxy's fault.
func redirectCDNBlocked(f *facts) []*trace.Finding {
	why := map[string]trace.Evidence{}
	for _, d := range f.dials {
		if d.kind != "" && !d.proxy {
			why[d.host] = f.dialFinding(d).Evidence[0]
		}
	}
	for _, r := range f.names {
		_, l := r.kind()
		why[r.name] = lookupEvidence(l)
	}
	list := f.deadEnd(func(_ *trace.Request, to string) bool {
		_, ok := why[urlHost(to)]
		return ok && f.role(urlHost(to)) == roleRedirect
	})
	for _, found := range list {
		to := found.Args["to"]
		found.Args["from"], found.Args["host"] = found.Args["host"], to
		found.Args["reason"] = why[to].Text
		found.Hop = f.hop(to)
		found.Evidence = append(found.Evidence, why[to])
	}
	return list
}

// waiting returns the findings for requests that wait for the first byte.
func (f *facts) waiting(match func(*trace.Request) bool) []*trace.Finding {
	var list []*trace.Finding
	holes := tcpMidstreamBlackhole(f)
	for _, r := range f.exchanges {
		waited := f.Waited(r)
		c := f.Connection(r.Connection)
		// The server did not get it, as another connection to it shows.
		lost := c.Unacked > 0 && slices.ContainsFunc(holes, func(o *trace.Finding) bool { return o.Hop == f.requestHop(r) })
		if r.Status == 0 && waited >= f.Patience() && match(r) && !lost {
			found := f.requestFinding(r)
			found.Evidence = []trace.Evidence{unansweredEvidence(r, waited)}
			if c.Retransmits > 0 {
				// It may be the way that is broken, not the server.
				found.Confidence = trace.Likely
			}
			list = append(list, f.waited(found, waited))
		}
	}
	return list
}

// hangNoResponse: the go command has no time limit for it.
func hangNoResponse(f *facts) []*trace.Finding {
	return f.waiting(func(r *trace.Request) bool { return !forSumDB(r) && !forGit(r) })
}

func sumDBHang(f *facts) []*trace.Finding { return f.waiting(forSumDB) }

// brokenBody returns the findings for answers whose body did not come whole.
func (f *facts) brokenBody(match func(*trace.Request, *trace.Connection) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		c := f.Connection(r.Connection)
		if r.Status < 200 || r.Status >= 300 || r.ResponseComplete && !goproxy.Short(r) || !match(r, c) {
			continue
		}
		if code, _ := endedByPeer(r); code != "" {
			continue
		}
		got, length := strconv.FormatUint(r.ResponseBytes, 10), r.Header("Content-Length")
		found := f.requestFinding(r, "got", got, "length", length)
		found.Evidence[0].Text += ", " + got + " bytes of the body"
		if length != "" {
			found.Evidence[0].Text += " (Content-Length: " + length + ")"
		}
		found.Evidence = append(found.Evidence, connectionEvidence(c, bodyEnd(r, c, f.Waited(r))))
		list = append(list, found)
	}
	return list
}

// bodyEnd says how an answer ended that did not come whole.
func bodyEnd(r *trace.Request, c *trace.Connection, waited time.Duration) string {
	if goproxy.Short(r) {
		return "END_STREAM from " + c.Remote
	}
	switch goproxy.PeerEnded(c) {
	case goproxy.PeerReset:
		return "RST from " + c.Remote
	case goproxy.PeerClosed:
		return "FIN from " + c.Remote
	}
	return "nothing more from " + c.Remote + " for " + seconds(waited) + " s, neither FIN nor RST"
}

func bodyReset(f *facts) []*trace.Finding {
	return f.brokenBody(func(r *trace.Request, c *trace.Connection) bool {
		return goproxy.PeerEnded(c) == goproxy.PeerReset && !goproxy.Short(r)
	})
}

func bodyTruncated(f *facts) []*trace.Finding {
	return f.brokenBody(func(r *trace.Request, c *trace.Connection) bool {
		return goproxy.PeerEnded(c) == goproxy.PeerClosed || goproxy.Short(r)
	})
}

func bodyStall(f *facts) []*trace.Finding {
	list := f.brokenBody(func(r *trace.Request, _ *trace.Connection) bool { return f.Waited(r) >= f.Patience() })
	for _, found := range list {
		id, _ := strconv.Atoi(found.Evidence[0].Ref)
		f.waited(found, f.Waited(f.Request(id)))
	}
	return list
}

// page returns the findings for web pages in place of files.
func (f *facts) page(purposes ...string) []*trace.Finding {
	return f.contentFault(func(r *trace.Request) bool { return goproxy.IsPage(r) && slices.Contains(purposes, r.Purpose) })
}

// contentFault returns the findings for answers with status 200 that are of no
// use and match, with what was in them.
func (f *facts) contentFault(match func(*trace.Request) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		if r.Status == 200 && goproxy.Unusable(r) != "" && match(r) {
			found := f.requestFinding(r)
			found.Evidence = []trace.Evidence{bodyEvidence(r)}
			list = append(list, found)
		}
	}
	return list
}

func html200(f *facts) []*trace.Finding {
	return f.page(trace.PurposeInfo, trace.PurposeLatest)
}

func htmlAsList(f *facts) []*trace.Finding { return f.page(trace.PurposeList) }

// htmlAsMod: without a checksum database the page even goes to the cache.
func htmlAsMod(f *facts) []*trace.Finding { return f.page(trace.PurposeMod) }

func htmlAsZip(f *facts) []*trace.Finding {
	return f.page(trace.PurposeZip, trace.PurposeToolchain)
}

func sumDBHTML(f *facts) []*trace.Finding {
	return f.page(trace.PurposeLookup, trace.PurposeTile)
}

// httpOdd2xx: go takes 200 alone.
func httpOdd2xx(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool { return r.Status > 200 && r.Status < 300 && goproxy.Unusable(r) != "" })
}

func empty200(f *facts) []*trace.Finding {
	return f.contentFault(func(r *trace.Request) bool { return !goproxy.IsPage(r) })
}

// httpFreshConnClosed: the first request on a connection was answered by its
// end. On a connection that was used before, that is an ordinary race, which
// the go command repeats by itself.
func httpFreshConnClosed(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		c := f.Connection(r.Connection)
		if r.Status != 0 || !remoteEnd(c) || c.MissedBytes > 0 || cutByGoAway(r, c) || f.certificateWanted(c) || endedOtherwise(r) {
			continue
		}
		if slices.ContainsFunc(f.Requests(c), func(o *trace.Request) bool { return o.Method != "CONNECT" && o.Status != 0 }) {
			continue
		}
		found := f.requestFinding(r, "how", goproxy.PeerEnded(c))
		found.Evidence = append(found.Evidence, connectionEvidence(c, goproxy.PeerEnded(c)+" by the peer after the request, before any byte of an answer"))
		list = append(list, found)
	}
	return list
}

// endedOtherwise reports whether more is known of how a request ended than that
// its connection did.
func endedOtherwise(r *trace.Request) bool {
	return strings.HasPrefix(r.Error, decode.MalformedAnswer) || strings.HasPrefix(r.Error, "stream reset") || strings.HasPrefix(r.Error, "refused by GOAWAY")
}
