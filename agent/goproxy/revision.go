package goproxy

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// MissingRevision is a revision that the go command did not find in a
// repository which it could ask.
type MissingRevision struct {
	// Module is the path under which the repository was announced.
	Module string
	// Revision is the version that was wanted; empty if that is not known.
	Revision string
	// Repository is the URL as git was told it.
	Repository string
	// Git is the process that got the repository's tags and branches.
	Git *trace.Process
	// Requests are those that it got them with; none over ssh.
	Requests []*trace.Request
}

// MissingRevision returns the revision for which the command failed; nil if it
// did not fail for one.
func (v *View) MissingRevision() *MissingRevision { return v.missing }

// findMissingRevision rests on what the go command does with a repository: it
// asks for all tags and branches (git ls-remote), fetches what it wants and
// reads that with git log and git cat-file. Where git could ask and nothing was
// read after it, there was nothing to read: "unknown revision"
// ($GOROOT/src/cmd/go/internal/modfetch/codehost/git.go, stat).
func (v *View) findMissingRevision() *MissingRevision {
	c := v.Trace.Command
	if c == nil || c.ExitCode == nil || *c.ExitCode == 0 {
		return nil
	}
	asked := v.askedInVain()
	if asked == nil {
		return nil
	}
	m := &MissingRevision{Repository: withoutUser(asked.Argv[len(asked.Argv)-1]), Git: asked}
	for _, r := range v.Trace.Requests {
		if isGit(r.Purpose) && strings.HasPrefix(r.URL, strings.TrimSuffix(m.Repository, "/")+"/") {
			if v.outcome(r) != trace.OK {
				return nil // then that is the fault
			}
			m.Module = r.Module
			m.Requests = append(m.Requests, r)
		}
	}
	m.Module, m.Revision = v.wanted(m.Module)
	return m
}

// withoutUser returns a repository's URL without credentials, which are in no
// request's URL either.
func withoutUser(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return Mask(raw) // git@host:path
	}
	u.User = nil
	return u.String()
}

// askedInVain returns the last git process of the go command that listed a
// repository's refs, if it succeeded and no revision was read after it.
func (v *View) askedInVain() *trace.Process {
	exes := map[uint32]string{}
	for _, p := range v.Trace.Processes {
		exes[p.PID] = path.Base(p.Exe)
	}
	var asked *trace.Process
	for _, p := range v.Trace.Processes {
		if path.Base(p.Exe) != "git" || exes[p.PPID] == "git" || p.ExitCode == nil {
			continue
		}
		switch ok := *p.ExitCode == 0; gitCommand(p.Argv) {
		case "ls-remote":
			asked = nil
			if ok && !p.ArgvCut { // the repository stands at the end
				asked = p
			}
		case "fetch":
			// Of one commit it may fail; all tags and branches come next then.
			if !ok && !slices.Contains(p.Argv, "--depth=1") {
				asked = nil
			}
		case "log", "cat-file", "archive":
			if ok {
				asked = nil
			}
		case "":
			if ok && p.ArgvCut { // any of these
				asked = nil
			}
		}
	}
	return asked
}

// gitCommand returns the subcommand of a git command line, e.g. ls-remote.
func gitCommand(argv []string) string {
	for i := 1; i < len(argv); i++ {
		switch a := argv[i]; {
		case a == "-c" || a == "-C":
			i++ // with its value
		case !strings.HasPrefix(a, "-"):
			return a
		}
	}
	return ""
}

// isGit reports whether a request is git's own.
func isGit(purpose string) bool {
	return purpose == trace.PurposeGitRefs || purpose == trace.PurposeGitPack
}

// wanted returns the module and version that were wanted of the repository
// with that root path, which may be empty: as the command line has it, else as
// a module proxy was asked for it before.
func (v *View) wanted(root string) (mod, version string) {
	if mod, version = v.commandModule(); mod != "" && (root == "" || within(mod, root)) {
		return mod, version
	}
	for _, r := range v.Trace.Requests {
		if root != "" && r.Version != "" && within(r.Module, root) {
			mod, version = r.Module, r.Version
		}
	}
	if mod == "" || !within(mod, root) {
		return root, ""
	}
	return mod, version
}

// within reports whether a module path is root or below it.
func within(mod, root string) bool { return mod == root || strings.HasPrefix(mod, root+"/") }
