package diagnose

import (
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Roles of a peer, the part of a hop before the colon; the fixed hops stand
// alone.
const (
	roleProxy     = "http-proxy"
	roleGoProxy   = "goproxy"
	roleRedirect  = "redirect"
	roleSumDB     = "sumdb"
	roleVCS       = "vcs"
	roleToolchain = "toolchain"
	roleOther     = "other" // nothing that go or git asks

	hopResolver = "resolver"
	hopConfig   = "config"
	hopRoute    = "route"
	hopHost     = "host"
)

// findRoles learns what each host is to the go command: from GOPROXY and
// GOSUMDB, and from what was asked of it. A host that is several things is the
// first of goproxy, sumdb, vcs, redirect.
func (f *facts) findRoles() {
	f.roles = map[string]string{}
	set := func(host, role string) {
		if host != "" && f.roles[host] == "" {
			f.roles[host] = role
		}
	}
	for _, e := range f.Config.List {
		set(e.Host(), roleGoProxy)
	}
	set(f.Config.SumDBHost(), roleSumDB)
	foreign := map[uint32]bool{}
	for pid := range f.processes {
		foreign[pid] = f.foreign(pid)
	}
	for _, r := range f.Trace.Requests {
		if r.RedirectedFrom == 0 && !foreign[r.PID] {
			set(urlHost(r.URL), purposeRole(r))
		}
	}
	for _, r := range f.Trace.Requests {
		set(urlHost(goproxy.Location(r)), roleRedirect)
	}
	for _, c := range f.Trace.Connections {
		if f.byGit(c.PID) {
			set(f.Target(c), roleVCS)
		}
	}
	f.inferRoles(set)
	f.findStrangers()
}

// purposeRole returns what the peer of a request is, or "" if that cannot be
// told from its purpose.
func purposeRole(r *trace.Request) string {
	switch r.Purpose {
	case trace.PurposeList, trace.PurposeInfo, trace.PurposeMod, trace.PurposeZip, trace.PurposeLatest, trace.PurposeToolchain:
		return roleGoProxy
	case trace.PurposeSupported, trace.PurposeLookup, trace.PurposeTile:
		if strings.Contains(r.URL, "/sumdb/") {
			return roleGoProxy
		}
		return roleSumDB
	case trace.PurposeGoImport, trace.PurposeGitRefs, trace.PurposeGitPack:
		return roleVCS
	}
	return ""
}

// role returns what a host is to the go command. One that nothing is known of
// is version control if the list of module proxies is known, else most likely
// a module proxy.
func (f *facts) role(host string) string {
	if r := f.roles[host]; r != "" {
		return r
	}
	if len(f.Config.List) > 0 {
		return roleVCS
	}
	return roleGoProxy
}

// hop names the link to a host. A name server is asked over TCP, too.
func (f *facts) hop(host string) string {
	if f.roles[host] == "" && f.servers[host] {
		return hopResolver
	}
	return f.role(host) + ":" + host
}

// requestHop names the link that a request was addressed to.
func (f *facts) requestHop(r *trace.Request) string {
	host := urlHost(r.URL)
	return f.requestRole(r, host) + ":" + host
}

// requestRole returns what the host of a request is to the go command.
func (f *facts) requestRole(r *trace.Request, host string) string {
	role := f.role(host)
	if r.Purpose == trace.PurposeToolchain && role == roleGoProxy {
		return roleToolchain
	}
	return role
}

// proxyHop names the link to the HTTP or SOCKS proxy of a connection.
func (f *facts) proxyHop(c *trace.Connection) string {
	host, _ := f.Proxy(c)
	return roleProxy + ":" + host
}
