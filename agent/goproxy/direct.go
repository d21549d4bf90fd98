package goproxy

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// isDirect reports whether a request belongs to a fetch from version control.
func isDirect(purpose string) bool {
	return purpose == trace.PurposeGoImport || purpose == trace.PurposeGitRefs || purpose == trace.PurposeGitPack
}

// addDirect adds the discovery and git requests: to the fetches that fell
// through to direct, or, if the module was never asked of a proxy, as fetches
// of their own, one for each module.
func (v *View) addDirect(list []*fetching) []*fetching {
	own := map[string]*fetching{}
	for _, r := range v.Trace.Requests {
		if !isDirect(r.Purpose) {
			continue
		}
		if f := fellThrough(list, r); f != nil {
			i := f.directIndex()
			f.try(i, r)
			continue
		}
		f := own[r.Module]
		if f == nil {
			f = &fetching{
				goal: goal{module: r.Module, purpose: r.Purpose}, list: []Entry{{URL: Direct}},
				started: r.StartedAt,
			}
			own[r.Module] = f
			list = append(list, f)
		}
		f.try(0, r)
	}
	v.shareDirect(list)
	return list
}

// shareDirect notes, for the goals that fell through to direct after their
// module's repository was fetched, how that fetch ended.
func (v *View) shareDirect(list []*fetching) {
	fetched := map[string]string{}
	for _, f := range list {
		if i := slices.IndexFunc(f.list, func(e Entry) bool { return e.URL == Direct }); i >= 0 && len(f.tried(i)) > 0 && !isSumDB(f.goal.purpose) {
			fetched[f.goal.module] = v.directOutcome(f, i)
		}
	}
	for _, f := range list {
		last := f.lastTried()
		if outcome := fetched[f.goal.module]; outcome != "" && last >= 0 && last+1 < len(f.list) && f.list[last+1].URL == Direct &&
			!isSumDB(f.goal.purpose) && f.list[last].passes(v.outcome(lastOf(f.tried(last))) == NotFound) {
			f.shared = outcome
		}
	}
}

// lastTried returns the index of the last entry that was asked, or -1.
func (f *fetching) lastTried() int {
	last := len(f.tries) - 1
	for last >= 0 && len(f.tries[last]) == 0 {
		last--
	}
	return last
}

// directIndex returns the index of direct in the list, which is added if the
// list is known from requests only.
func (f *fetching) directIndex() int {
	i := slices.IndexFunc(f.list, func(e Entry) bool { return e.URL == Direct })
	if i < 0 {
		f.list = append(f.list, Entry{URL: Direct})
		i = len(f.list) - 1
	}
	return i
}

// fellThrough returns the first fetch that the request continues: of the same
// module or of one in its repository, tried at a proxy before. The go command
// fetches the repository once; later files of the module come out of it.
func fellThrough(list []*fetching, r *trace.Request) *fetching {
	for _, f := range list {
		if isSumDB(f.goal.purpose) || isDirect(f.goal.purpose) || f.started.After(r.StartedAt) {
			continue
		}
		if f.goal.module == r.Module || strings.HasPrefix(f.goal.module, r.Module+"/") && r.Purpose != trace.PurposeGoImport {
			return f
		}
	}
	return nil
}

// directOutcome judges a fetch from version control by its last step; where
// ssh hides the steps, by git's exit code.
func (v *View) directOutcome(f *fetching, i int) string {
	last := lastOf(f.tried(i))
	if last == nil {
		return trace.Failed
	}
	o := v.outcome(last)
	if m := v.missing; o == trace.OK && m != nil && within(m.Module, f.goal.module) {
		return NotFound
	}
	if o != trace.OK || last.Purpose == trace.PurposeGitPack {
		return o
	}
	if v.gitFailed(f.goal.module) != nil {
		return trace.Failed
	}
	return o
}

// directReason says why a fetch from version control failed whose requests
// were all answered; empty if that is not known.
func (v *View) directReason(mod string) string {
	if p := v.gitFailed(mod); p != nil {
		return fmt.Sprintf("git %s failed (exit code %d)", gitCommand(p.Argv), *p.ExitCode)
	}
	if m := v.missing; m != nil && within(m.Module, mod) {
		return "the repository has no revision " + cmp.Or(m.Revision, "that was wanted")
	}
	return ""
}

// gitFailed returns the git process that talked to the module's repository and
// failed, if none succeeded after it; else nil. One whose command line was cut may
// have been the one that succeeded.
func (v *View) gitFailed(mod string) (failed *trace.Process) {
	for _, p := range v.Trace.Processes {
		if path.Base(p.Exe) != "git" || p.ExitCode == nil {
			continue
		}
		switch ok := *p.ExitCode == 0; {
		case ok && (p.ArgvCut || talks(p.Argv, mod)):
			failed = nil
		case !ok && talks(p.Argv, mod):
			failed = p
		}
	}
	return failed
}

// talks reports whether git was told to ask the remote repository of a module.
func talks(argv []string, mod string) bool {
	if !slices.Contains(argv, "ls-remote") && !slices.Contains(argv, "fetch") {
		return false
	}
	host, _, _ := strings.Cut(mod, "/")
	return slices.ContainsFunc(argv, func(a string) bool { return a == "origin" || strings.Contains(a, host) })
}
