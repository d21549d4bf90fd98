package diagnose

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// discoveryHost is the host of a module path, which go asks where the
// repository is.
func discoveryHost(mod string) string {
	host, _, _ := strings.Cut(mod, "/")
	return strings.ToLower(host)
}

// discoveryFailure returns what kept go from discovering or asking the
// repository of a module at its own host; nil if nothing did.
func (f *facts) discoveryFailure(mod string) *setback {
	host := discoveryHost(mod)
	for _, s := range append(f.directly(), f.atProxy()...) {
		if s.host == host {
			return &s
		}
	}
	for _, r := range f.exchanges {
		if r.Purpose == trace.PurposeGoImport && urlHost(r.URL) == host && r.Status >= 400 && (r.Module == mod || strings.HasPrefix(mod, r.Module+"/")) {
			return &setback{host, "443", r.StartedAt, answerEvidence(r)}
		}
	}
	return nil
}

// gonoproxyForcesDirect: a setting keeps go from the module proxies for a
// module whose own host does not serve it.
func gonoproxyForcesDirect(f *facts) []*trace.Finding {
	if !slices.ContainsFunc(f.Config.List, goproxy.Entry.IsURL) || !failed(f.Trace.Command) {
		return nil
	}
	mods, _ := f.WantedModules()
	for _, fetch := range f.Trace.Fetches {
		if fetch.Module != "" && fetch.Outcome != trace.OK {
			mods = append(mods, fetch.Module)
		}
	}
	for _, mod := range mods {
		s := f.discoveryFailure(mod)
		if s == nil || !f.Config.Private(mod) {
			continue
		}
		name := "GOPRIVATE"
		if f.goEnv("GONOPROXY") != "" && f.goEnv("GONOPROXY") != f.goEnv("GOPRIVATE") {
			name = "GONOPROXY"
		}
		args := map[string]string{
			"host": s.host, "module": mod, "variable": name, "value": f.goEnv(name), "reason": s.evidence.Text, "entry": f.firstProxy(),
		}
		found := finding(hopConfig, s.at, args, append(f.goEvidence(name), s.evidence)...)
		found.Confidence = trace.Likely // the module may be at home there, and the host down
		return []*trace.Finding{found}
	}
	return nil
}

// firstProxy is the first module proxy of the list, credentials masked.
func (f *facts) firstProxy() string {
	for _, e := range f.Config.List {
		if e.IsURL() {
			return e.String()
		}
	}
	return ""
}

// refusedBefore returns the module proxies' 404 or 410 after which go went on
// to a module's own host; nil if no proxy was asked.
func (f *facts) refusedBefore(host string) *trace.Request {
	for _, r := range f.Trace.Requests {
		if r.Purpose != trace.PurposeGoImport && !forGit(r) && missing(r) && r.Module != "" && discoveryHost(r.Module) == host && !forSumDB(r) {
			return r
		}
	}
	return nil
}

// refusedFor is refusedBefore, for the module itself rather than for another
// path of its host.
func (f *facts) refusedFor(mod string) *trace.Request {
	before := f.refusedBefore(discoveryHost(mod))
	for _, r := range f.Trace.Requests {
		if before != nil && missing(r) && r.Module == mod && r.Purpose != trace.PurposeGoImport && !forGit(r) && !forSumDB(r) {
			return r
		}
	}
	return before
}

// privateViaPublicProxy: module proxies do not know the module, and its own
// host wants credentials: it is private, and no setting says so.
func privateViaPublicProxy(f *facts) []*trace.Finding {
	for _, r := range f.exchanges {
		if r.Status != 401 && r.Status != 403 || !forGit(r) && r.Purpose != trace.PurposeGoImport {
			continue
		}
		mod := cmp.Or(r.Module, urlHost(r.URL))
		before := f.refusedFor(mod)
		if before == nil || f.Config.Private(mod) {
			continue
		}
		args := map[string]string{"host": urlHost(r.URL), "module": mod, "proxy": urlHost(before.URL), "status": answerStatus(before), "answer": answerStatus(r)}
		found := finding(hopConfig, r.StartedAt, args, answerEvidence(before), answerEvidence(r))
		found.Evidence = append(found.Evidence, f.goEvidence("GOPRIVATE")...)
		found.Confidence = trace.Likely
		return []*trace.Finding{found}
	}
	return nil
}

// answerStatus is a status as a sentence has it, e.g. "404 Not Found".
func answerStatus(r *trace.Request) string {
	text := answerEvidence(r).Text
	return text[strings.LastIndex(text, ": ")+2:]
}

// discoveryBlocked: the module proxies answered 404, go went on to the module's
// own host, and that one can't be reached. The command prints the second error only.
func discoveryBlocked(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, s := range append(f.directly(), f.atProxy()...) {
		before := f.refusedBefore(s.host)
		if before == nil || s.host == "" || !f.mayHaveFailed() {
			continue
		}
		args := map[string]string{"host": s.host, "module": before.Module, "proxy": urlHost(before.URL), "status": answerStatus(before), "reason": s.evidence.Text}
		found := finding(roleVCS+":"+s.host, s.at, args, s.evidence, answerEvidence(before))
		list = append(list, found)
	}
	return list
}

// importPathHTML: the discovery was answered by a page that names no repository.
func importPathHTML(f *facts) []*trace.Finding {
	if !f.mayHaveFailed() || f.ranGit() || slices.ContainsFunc(f.Trace.Requests, forGit) {
		return nil
	}
	var list []*trace.Finding
	for _, r := range f.Trace.Requests {
		if r.Purpose != trace.PurposeGoImport || r.Status != 200 || !r.ResponseComplete {
			continue
		}
		page := strings.ToLower(string(decode.Plain(r)))
		if strings.Contains(page, "go-import") {
			return nil // that one is what go goes by
		}
		if (page != "" || r.ResponseBytes == 0) && len(page) < decode.MaxBody {
			found := f.requestFinding(r)
			found.Evidence = []trace.Evidence{bodyEvidence(r)}
			list = append(list, found)
		}
	}
	return list
}

// sumDBShadowed: go remembers the error of a dead entry before the other
// entry's answer that it does not relay the database, and then asks nobody
// ($GOROOT/src/cmd/go/internal/modfetch/sumdb.go, initBase).
func sumDBShadowed(f *facts) []*trace.Finding {
	list := f.Config.List
	if len(list) < 2 || !list[len(list)-1].IsURL() || !failed(f.Trace.Command) {
		return nil
	}
	var without *trace.Request
	for _, r := range f.Trace.Requests {
		if r.Purpose == trace.PurposeSupported && missing(r) {
			without = r
		} else if r.Purpose == trace.PurposeLookup {
			return nil
		}
	}
	for _, s := range append(f.directly(), f.atProxy()...) {
		i := slices.IndexFunc(list, func(e goproxy.Entry) bool { return e.Host() == s.host && s.host != "" })
		if i < 0 || list[i].Separator != "|" || without == nil {
			continue
		}
		args := map[string]string{"dead": s.host, "entry": list[i].String(), "other": urlHost(without.URL), "list": f.listWith(-1, "") + ",direct", "reason": s.evidence.Text}
		found := finding(hopConfig, s.at, args, s.evidence, answerEvidence(without))
		found.Evidence = append(found.Evidence, f.listEvidence()...)
		return []*trace.Finding{found}
	}
	return nil
}

// sshBlocked: git's ssh could not reach port 22, or whatever port it was told;
// no *_PROXY variable is for ssh.
func sshBlocked(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, d := range f.dials {
		if d.kind == "" || !f.bySSH(d.c) {
			continue
		}
		found := f.dialFinding(d)
		found.Hop = roleVCS + ":" + d.host
		found.Args["reason"] = found.Evidence[0].Text
		if p := f.processes[d.c.PID]; p != nil {
			found.Evidence = append(found.Evidence, processEvidence(p))
		} else {
			found.Confidence = trace.Likely // by the port alone
		}
		list = append(list, found)
	}
	return list
}

// gitProxyDiffers: git could not reach a host that is neither the repository's
// nor a proxy that go knows: git's own settings name a proxy.
func gitProxyDiffers(f *facts) []*trace.Finding {
	var list []*trace.Finding
	add := func(pid uint32, proxy string, s setback) {
		repository := f.remote(pid)
		if repository == "" || urlHost(repository) == proxy || f.IsProxy(proxy) {
			return
		}
		args := map[string]string{"host": urlHost(repository), "proxy": proxy, "repository": repository, "reason": s.evidence.Text}
		found := finding(hopConfig, s.at, args, s.evidence, processEvidence(f.processes[pid]))
		found.Confidence = trace.Likely
		list = append(list, found)
	}
	for _, d := range f.dials {
		if d.kind != "" && f.transfers(d.c.PID) {
			add(d.c.PID, d.host, setback{at: d.c.StartedAt, evidence: f.dialFinding(d).Evidence[0]})
		}
	}
	for _, r := range f.names {
		if _, l := r.kind(); f.transfers(r.pid) {
			add(r.pid, r.name, setback{at: l.StartedAt, evidence: lookupEvidence(l)})
		}
	}
	return list
}

// transfers reports whether a process is git's program for HTTP. Others look up
// this machine's own name, for the author of a commit (ident.c of git).
func (f *facts) transfers(pid uint32) bool {
	p := f.processes[pid]
	return p != nil && strings.HasPrefix(path.Base(p.Exe), "git-remote-")
}

// remote is the URL that a git process was told to ask, credentials masked;
// empty if its command line has none.
func (f *facts) remote(pid uint32) string {
	p := f.processes[pid]
	if p == nil {
		return ""
	}
	for _, a := range p.Argv {
		if strings.HasPrefix(a, "http://") || strings.HasPrefix(a, "https://") {
			return goproxy.Mask(a)
		}
	}
	return ""
}

// gitProxyRefused: the proxy refused git's CONNECT. git has credentials and
// proxies of its own.
func gitProxyRefused(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.connects() {
		if !f.asGit(r) || r.Status < 400 {
			continue
		}
		found := f.connectFinding(r)
		found.Args["repository"], found.Args["go"] = cmp.Or(f.remote(r.PID), "https://"+r.URL+"/"), "failed"
		if f.tunnelledByGo() {
			found.Args["go"] = "opened"
		}
		list = append(list, found)
	}
	return list
}

// tunnelledByGo reports whether the proxy opened a tunnel for go itself.
func (f *facts) tunnelledByGo() bool {
	return slices.ContainsFunc(f.Trace.Requests, func(r *trace.Request) bool { return r.Method == "CONNECT" && r.Status == 200 && f.asGo(r) })
}
