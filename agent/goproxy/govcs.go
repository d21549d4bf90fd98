package goproxy

import (
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// VCSAllowed reports whether a GOVCS value lets go use a version control system
// for a module path, and whether the path counts as private: GOPRIVATE has it
// ($GOROOT/src/cmd/go/internal/vcs/vcs.go, govcsConfig.allow).
func VCSAllowed(govcs, goprivate, path, vcs string) (allowed, private bool) {
	private = goprivate != "" && module.MatchPrefixPatterns(goprivate, path)
	// What go appends to every value.
	for item := range strings.SplitSeq(govcs+",private:all,public:git|hg", ",") {
		pattern, list, ok := strings.Cut(strings.TrimSpace(item), ":")
		if !ok || !ruleFor(strings.TrimSpace(pattern), path, private) {
			continue
		}
		names := strings.Split(list, "|")
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		return slices.Contains(names, vcs) || slices.Contains(names, "all"), private
	}
	return false, private
}

// ruleFor reports whether a GOVCS pattern is about a path.
func ruleFor(pattern, path string, private bool) bool {
	switch pattern {
	case "private":
		return private
	case "public":
		return !private
	}
	return module.MatchPrefixPatterns(pattern, path)
}

// VCS returns the version control system that a discovery page names for a
// module path, e.g. git; empty if the page, of which the start is enough, has
// no go-import tag for it.
func VCS(page []byte, path string) string {
	for _, r := range repositories(page, "") {
		if within(path, r.root) {
			return r.vcs
		}
	}
	return ""
}
