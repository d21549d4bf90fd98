package diagnose

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// spokenFor reports whether a rule of this file or of http.go speaks for
// failures to reach a host, so that those of DNS and TCP stay silent.
func (f *facts) spokenFor(host string) bool {
	switch f.role(host) {
	case roleSumDB:
		return true
	case roleRedirect:
		return len(redirectCDNBlocked(f)) > 0
	}
	return false
}

// deadFirst returns the index of the GOPROXY entry of a host whose separator
// keeps the go command from the module proxy after it; -1 if it is none.
func (f *facts) deadFirst(host string) int {
	for i, e := range f.Config.List {
		if e.Host() == host && host != "" && e.Separator == "," && i+1 < len(f.Config.List) && f.Config.List[i+1].IsURL() {
			return i
		}
	}
	return -1
}

// deadEntry reports whether [deadFirstWithComma] speaks for a dial.
func (f *facts) deadEntry(d dial) bool {
	return f.deadFirst(d.host) >= 0 && !d.proxy && d.kind != "" && d.fixedHop() == ""
}

// deadFirstWithComma: an entry can't be reached, and the separator after it
// lets only 404 and 410 pass, so that the next entry is never asked.
func deadFirstWithComma(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, d := range f.dials {
		i := f.deadFirst(d.host)
		if !f.deadEntry(d) {
			continue
		}
		found := f.dialFinding(d)
		found.Args["next"] = f.Config.List[i+1].String()
		found.Args["entry"] = f.Config.List[i].String()
		found.Args["list"], found.Args["rest"] = f.listWith(i, "|"), f.listWithout(i)
		found.Args["reason"] = found.Evidence[0].Text
		found.Evidence = append(found.Evidence, f.listEvidence()...)
		list = append(list, found)
	}
	return list
}

// listWith is the GOPROXY list with another separator after the entry at i,
// credentials masked.
func (f *facts) listWith(i int, separator string) string {
	value := ""
	for n, e := range f.Config.List {
		if n == i {
			e.Separator = separator
		}
		value += e.String() + e.Separator
	}
	return value
}

// listWithout is the GOPROXY list without the entry at i, credentials masked.
func (f *facts) listWithout(i int) string {
	value := ""
	for n, e := range f.Config.List {
		if n != i {
			value += e.String() + e.Separator
		}
	}
	return value
}

// listEvidence is the GOPROXY list, credentials masked.
func (f *facts) listEvidence() []trace.Evidence {
	value := f.listWith(-1, "")
	if value == "" {
		return nil
	}
	return f.configEvidence("GOPROXY", value)
}

// notFound returns the findings for 404 and 410 answers that ended a fetch, for
// the purposes that match. They matter only to a command that failed. One that
// go went on from, in vain, is told beside what failed then.
func (f *facts) notFound(match func(*trace.Request) bool) []*trace.Finding {
	if c := f.Trace.Command; c != nil && !failed(c) {
		return nil
	}
	var list []*trace.Finding
	for _, r := range f.exchanges {
		if !missing(r) || !match(r) {
			continue
		}
		found := f.requestFinding(r, "server_said", "")
		if fetch, i := f.FetchOf(r); fetch != nil && i+1 < len(fetch.Attempts) || f.discovered(r) {
			found.Severity = trace.Info
		}
		if line := said(r); line != "" && !saysStatusOnly(line, r.Status) {
			found.Args["server_said"] = ": " + line
		}
		found.Evidence = append(found.Evidence, f.settingFor(r)...)
		list = append(list, found)
	}
	return list
}

// settingFor is the setting that had a request made.
func (f *facts) settingFor(r *trace.Request) []trace.Evidence {
	env := f.Trace.Environment
	switch {
	case env == nil:
		return nil
	case r.Purpose == trace.PurposeToolchain:
		return f.configEvidence("GOTOOLCHAIN", env.GoEnv["GOTOOLCHAIN"].Value)
	case forSumDB(r):
		return f.configEvidence("GOSUMDB", goproxy.Mask(env.GoEnv["GOSUMDB"].Value))
	case forGit(r) || r.Purpose == trace.PurposeOther:
		return nil
	}
	return f.listEvidence()
}

// saysStatusOnly reports whether a server's text is its status once more, as
// "Not Found" or "404 page not found".
func saysStatusOnly(line string, status int) bool {
	text := statusText(status)
	return strings.EqualFold(line, text) || strings.EqualFold(line, strconv.Itoa(status)+" page "+text)
}

// maxSaid is how many bytes of what a server said are told.
const maxSaid = 200

// said is the first line of a textual answer; empty for a page or a coding
// that is not known.
func said(r *trace.Request) string {
	text := decode.Plain(r)
	if !utf8.Valid(text) || len(text) == 0 || text[0] == '<' {
		return ""
	}
	line := firstLine(text)
	return line[:min(len(line), maxSaid)]
}

func httpNotFound(f *facts) []*trace.Finding {
	return f.notFound(func(r *trace.Request) bool {
		return !forSumDB(r) && !forGit(r) && !saysUnknownRevision(r) && r.Purpose != trace.PurposeOther &&
			r.Purpose != trace.PurposeToolchain && r.Purpose != trace.PurposeGoImport
	})
}

// urlNotFound: the request was for no module.
func urlNotFound(f *facts) []*trace.Finding {
	return f.notFound(func(r *trace.Request) bool { return r.Purpose == trace.PurposeOther })
}

func gitNotFound(f *facts) []*trace.Finding {
	list := f.notFound(forGit)
	for _, found := range list {
		repository, _, _ := strings.Cut(found.Args["url"], "/info/refs")
		found.Args["repository"] = strings.TrimSuffix(repository, "/git-upload-pack")
	}
	return list
}

func toolchainNotAvailable(f *facts) []*trace.Finding {
	return f.notFound(func(r *trace.Request) bool { return r.Purpose == trace.PurposeToolchain })
}

func importPath404(f *facts) []*trace.Finding {
	return f.notFound(func(r *trace.Request) bool { return r.Purpose == trace.PurposeGoImport })
}

// sumDB404Private: the checksum database does not know the module. 404 for
// "supported" is an answer like any other.
func sumDB404Private(f *facts) []*trace.Finding {
	return f.notFound(func(r *trace.Request) bool { return r.Purpose == trace.PurposeLookup })
}

// sumDBRelayBroken: a module proxy that relays the checksum database has to
// answer 200, or 404 or 410 if it does not.
func sumDBRelayBroken(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool { return relayed(r) && r.Status >= 400 && !missing(r) })
}

// sumDBUnreachable: the database itself is asked when no module proxy relays
// it, and can't be reached.
func sumDBUnreachable(f *facts) []*trace.Finding {
	var list []*trace.Finding
	add := func(host, reason string, found *trace.Finding) {
		found.Hop = f.hop(host)
		found.Args = map[string]string{"host": host, "reason": reason}
		for _, r := range f.Trace.Requests {
			if r.Purpose == trace.PurposeSupported && missing(r) {
				found.Evidence = append(found.Evidence, answerEvidence(r))
				break
			}
		}
		list = append(list, found)
	}
	for _, d := range f.dials {
		if d.kind != "" && !d.proxy && f.role(d.host) == roleSumDB {
			found := f.dialFinding(d)
			add(d.host, found.Evidence[0].Text, found)
		}
	}
	for _, r := range f.names {
		if _, l := r.kind(); f.role(r.name) == roleSumDB {
			found := f.resolverFinding(r, l)
			add(r.name, lookupEvidence(l).Text, found)
		}
	}
	return list
}
