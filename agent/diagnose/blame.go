package diagnose

import (
	"net"
	"path"
	"slices"
	"strconv"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// modulePrograms lists the go command and what it fetches repositories with,
// besides git ($GOROOT/src/cmd/go/internal/vcs/vcs.go).
func modulePrograms() []string { return []string{"go", "ssh", "hg", "svn", "bzr", "fossil"} }

// webClients lists programs that scripts fetch with.
func webClients() []string { return []string{"curl", "wget"} }

// maxAncestors bounds the way up from a process; pids may be used again.
const maxAncestors = 16

// foreign reports whether what a process does on the network is not what the
// command is traced for: the test binary that go test ran, say. It is not
// foreign if it is the command itself.
func (f *facts) foreign(pid uint32) bool {
	p := f.processes[pid]
	if p == nil || p.Exe == "" || slices.Contains(slices.Concat(modulePrograms(), webClients()), path.Base(p.Exe)) {
		return false
	}
	for range maxAncestors {
		if f.byGit(p.PID) {
			return false // git, or a helper that it started
		}
		parent := f.processes[p.PPID]
		if parent == nil || parent == p {
			return p.PID != pid // else it is the command itself
		}
		p = parent
	}
	return true
}

// limit lowers what is not the command's own trouble: the traffic of programs
// that it merely ran is worth a note, and what a process got over, as its exit
// code shows, did not make the command fail.
func (f *facts) limit(found *trace.Finding) {
	pids := f.pids(found)
	all := func(match func(uint32) bool) bool {
		return len(pids) > 0 && !slices.ContainsFunc(pids, func(pid uint32) bool { return !match(pid) })
	}
	switch {
	case found.Severity == trace.Info:
	case all(f.foreign), f.ownServer(found) && (len(f.processes) == 0 || all(f.hasParent)), all(f.succeeded) && !all(f.byGo):
		found.Severity = trace.Info
	case found.Severity == trace.Error && all(f.succeeded):
		found.Severity = trace.Warning
	}
}

// ownServer reports whether a finding is about a host on this machine that is no
// link of the chain: a script's test server, say.
func (f *facts) ownServer(found *trace.Finding) bool {
	host := found.Args["host"]
	ip := net.ParseIP(host)
	return f.roles[host] == roleOther && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// hasParent reports whether a process was started by another one of the trace,
// and so is not the command itself.
func (f *facts) hasParent(pid uint32) bool {
	p := f.processes[pid]
	return p != nil && f.processes[p.PPID] != nil
}

// byGo reports whether a process is the go command. Where no process is known it
// may be.
func (f *facts) byGo(pid uint32) bool {
	if len(f.processes) == 0 {
		return true
	}
	p := f.processes[pid]
	return p != nil && path.Base(p.Exe) == "go"
}

// succeeded reports whether a process ended well. Of git it says nothing: it
// may have listed a repository that lacks what go wants.
func (f *facts) succeeded(pid uint32) bool {
	p := f.processes[pid]
	return p != nil && p.ExitCode != nil && *p.ExitCode == 0 && !f.byGit(pid)
}

// pids returns the processes that a finding's evidence is about, as far as
// they are known.
func (f *facts) pids(found *trace.Finding) []uint32 {
	var list []uint32
	for _, e := range found.Evidence {
		id, err := strconv.Atoi(e.Ref)
		if err != nil {
			continue
		}
		pid := uint32(0)
		switch e.Kind {
		case kindConnection:
			if c := f.Connection(id); c != nil {
				pid = c.PID
			}
		case kindRequest:
			if r := f.Request(id); r != nil {
				pid = r.PID
			}
		case kindLookup:
			if i := slices.IndexFunc(f.Lookups(), func(l *trace.Lookup) bool { return l.ID == id }); i >= 0 {
				pid = f.Lookups()[i].PID
			}
		}
		if pid != 0 && !slices.Contains(list, pid) {
			list = append(list, pid)
		}
	}
	return list
}

// survived reports whether the command got over a fault of a host: each fetch
// that failed at its entry went on and succeeded elsewhere. Requests that it
// got over are no findings at all, see [goproxy.View.Harmless].
func (f *facts) survived(found *trace.Finding) bool {
	host := found.Args["host"]
	if host == "" || f.aboutAnswer(found) {
		return false
	}
	over := false
	for _, fetch := range f.Trace.Fetches {
		for i, a := range fetch.Attempts {
			if urlHost(a.Entry) != host || a.Outcome != trace.Failed && a.Outcome != trace.Hung {
				continue
			}
			if fetch.Outcome == trace.OK {
				over = true
			} else if i == len(fetch.Attempts)-1 {
				return false // that is where this one ended
			}
		}
	}
	return over
}

// aboutAnswer reports whether a finding is about the answer to a request, or
// its absence, rather than about the way to the host.
func (f *facts) aboutAnswer(found *trace.Finding) bool {
	if len(found.Evidence) == 0 || found.Evidence[0].Kind != kindRequest {
		return false
	}
	id, _ := strconv.Atoi(found.Evidence[0].Ref)
	r := f.Request(id)
	return r != nil && r.Method != "CONNECT"
}

// findStrangers gives the hosts that nothing is known of but that neither go nor
// a program for version control asked them a role of their own.
func (f *facts) findStrangers() {
	asked := map[string]bool{}
	for _, c := range f.Trace.Connections {
		host := f.Target(c)
		p := f.processes[c.PID]
		asked[host] = asked[host] || p == nil || p.Exe == "" || f.byGit(c.PID) || slices.Contains(modulePrograms(), path.Base(p.Exe))
	}
	for host, ours := range asked {
		if !ours && f.roles[host] == "" && host != "" {
			f.roles[host] = roleOther
		}
	}
}
