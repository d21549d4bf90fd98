package diagnose

import (
	"net"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// A capture file that is no recording of a command has neither settings nor
// processes. What hosts and programs are is then told by what they do.

// sshPort is the port that git's ssh goes to, unless it is told another.
const sshPort = "22"

// publicSumDBs returns the hosts of the checksum database that go knows by name
// ($GOROOT/src/cmd/go/internal/modfetch/sumdb.go, dbDial).
func publicSumDBs() []string { return []string{"sum.golang.org", "sum.golang.google.cn"} }

// inferRoles gives roles to hosts by what was said to others: a request to a
// module proxy names the checksum database, and a module that all module
// proxies lack sends go to the module's own host.
func (f *facts) inferRoles(set func(host, role string)) {
	if len(f.Config.List) > 0 {
		return // the settings are known
	}
	for _, host := range publicSumDBs() {
		set(host, roleSumDB)
	}
	for _, r := range f.Trace.Requests {
		switch {
		case relayed(r):
			set(strings.ToLower(f.Config.SumDBName(r.URL)), roleSumDB)
		case r.Method == "CONNECT" && f.asGit(r):
			host, _ := goproxy.SplitAddress(r.URL)
			set(host, roleVCS)
		case missing(r) && r.Module != "" && !forSumDB(r) && r.Purpose != trace.PurposeToolchain:
			set(discoveryHost(r.Module), roleVCS)
		}
	}
	for _, c := range f.Trace.Connections {
		if _, port := goproxy.SplitAddress(c.Remote); port == sshPort {
			set(f.Target(c), roleVCS)
		} else if host := f.Target(c); len(f.processes) == 0 && loopback(host) && f.wentElsewhere() {
			set(host, roleOther)
		}
	}
}

// loopback reports whether a host is an address of this machine only.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// wentElsewhere reports whether a connection was made to another machine.
func (f *facts) wentElsewhere() bool {
	return slices.ContainsFunc(f.Trace.Connections, func(c *trace.Connection) bool {
		host, _ := goproxy.SplitAddress(c.Remote)
		return goproxy.Connected(c) && !loopback(host)
	})
}

// discovered reports whether go went on to the module's own host after a
// module proxy's 404, and was told there where the repository is: of that
// module, of one in its repository, or of one that it is a prefix of. Where the
// settings are known the list of entries tells.
func (f *facts) discovered(r *trace.Request) bool {
	return len(f.Config.List) == 0 && !forGit(r) && r.Purpose != trace.PurposeGoImport && slices.ContainsFunc(f.Trace.Requests, func(o *trace.Request) bool {
		return o.Purpose == trace.PurposeGoImport && o.Status == 200 && o.Module != "" &&
			(o.Module == r.Module || strings.HasPrefix(r.Module, o.Module+"/") || strings.HasPrefix(o.Module, r.Module+"/"))
	})
}

// asGit reports whether git made a request: by its process or, where that is
// not known, by its own account.
func (f *facts) asGit(r *trace.Request) bool {
	return f.byGit(r.PID) || f.processes[r.PID] == nil && strings.HasPrefix(trace.First(r.Headers, "User-Agent"), "git/")
}

// asGo reports the same of the go command.
func (f *facts) asGo(r *trace.Request) bool {
	return f.processes[r.PID] != nil && f.byGo(r.PID) || f.processes[r.PID] == nil && strings.HasPrefix(trace.First(r.Headers, "User-Agent"), "Go-http-client/")
}

// bySSH reports whether a connection is one of ssh: by its process or, where
// that is not known, by its port.
func (f *facts) bySSH(c *trace.Connection) bool {
	if p := f.processes[c.PID]; p != nil {
		return strings.HasSuffix("/"+p.Exe, "/ssh")
	}
	_, port := goproxy.SplitAddress(c.Remote)
	return port == sshPort
}
