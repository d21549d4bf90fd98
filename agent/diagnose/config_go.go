package diagnose

import (
	"go/version"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// goproxySyntax: go refuses the list, or reads one entry where two were meant.
func goproxySyntax(f *facts) []*trace.Finding {
	if f.asked() || f.goEnv("GOPROXY") == "" {
		return nil
	}
	problem := ""
	if f.Config.Err != nil {
		problem = f.Config.Err.Error()
	}
	for _, e := range f.Config.List {
		if strings.ContainsAny(e.URL, "; \t") {
			problem = "the entry " + e.String() + " has a character in it that separates nothing"
		}
	}
	if problem == "" {
		return nil
	}
	value := maskedList(f.goEnv("GOPROXY"))
	return one(f.refusing(map[string]string{"value": value, "problem": problem, "right": separated(value)}, f.configEvidence("GOPROXY", value)...))
}

// maskedList masks the credentials of a GOPROXY value that may be no list.
func maskedList(value string) string {
	parts := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",|", r) })
	for _, part := range parts {
		value = strings.ReplaceAll(value, part, goproxy.Mask(part))
	}
	return value
}

// separated is a list with commas between its entries, and its words as go
// knows them.
func separated(value string) string {
	entries := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",|; \t", r) })
	for i, e := range entries {
		if lower := strings.ToLower(e); lower == goproxy.Direct || lower == goproxy.Off {
			entries[i] = lower
		}
	}
	return strings.Join(entries, ",")
}

// goflagsInsecure: the flag was taken out of go get in Go 1.17.
func goflagsInsecure(f *facts) []*trace.Finding {
	if f.asked() {
		return nil
	}
	for _, flag := range strings.Fields(f.goEnv("GOFLAGS")) {
		if name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "="); name == "insecure" {
			return one(f.refusing(map[string]string{"flag": flag}, f.goEvidence("GOFLAGS")...))
		}
	}
	return nil
}

// netlimitZero: GODEBUG lets go open no connection
// ($GOROOT/src/cmd/go/internal/base/limit.go).
func netlimitZero(f *facts) []*trace.Finding {
	if f.Trace.Environment == nil || f.asked() {
		return nil
	}
	value := f.Trace.Environment.TLS["GODEBUG"]
	for setting := range strings.SplitSeq(value, ",") {
		if strings.TrimPrefix(strings.TrimSpace(setting), "#") == "cmdgonetlimit=0" {
			return one(f.refusing(map[string]string{"value": value}, variableEvidence("GODEBUG", value)))
		}
	}
	return nil
}

// credentialsOnHTTP: go sends no password in the clear.
func credentialsOnHTTP(f *facts) []*trace.Finding {
	for _, e := range f.Config.List {
		rest, plain := strings.CutPrefix(e.URL, "http://")
		if !plain || e.String() == e.URL || f.askedHost(e.Host()) {
			continue
		}
		args := map[string]string{"host": e.Host(), "entry": e.String(), "right": "https://" + goproxy.Mask(rest)}
		return one(f.refusing(args, f.goEvidence("GOPROXY")...))
	}
	return nil
}

// askedHost reports whether any request went to a host.
func (f *facts) askedHost(host string) bool {
	return slices.ContainsFunc(f.Trace.Requests, func(r *trace.Request) bool { return urlHost(r.URL) == host })
}

// sumDBBadKey: GOSUMDB names a database that go has no key of, or has a key
// that is none.
func sumDBBadKey(f *facts) []*trace.Finding {
	fields := strings.Fields(f.goEnv("GOSUMDB"))
	if len(fields) == 0 || fields[0] == goproxy.Off || slices.ContainsFunc(f.Trace.Requests, forSumDB) || !slices.ContainsFunc(f.Trace.Requests, fileServed) {
		return nil // it did not come to that
	}
	problem := ""
	if len(fields) > 2 {
		problem = "it has more than a name and a URL"
	} else if !knownSumDB(fields[0]) {
		if _, err := note.NewVerifier(fields[0]); err != nil {
			problem = err.Error()
		}
	}
	if problem == "" {
		return nil
	}
	return one(f.refusing(map[string]string{"value": goproxy.Mask(f.goEnv("GOSUMDB")), "problem": problem}, f.goEvidence("GOSUMDB")...))
}

// knownSumDB reports whether the go command has the key itself
// ($GOROOT/src/cmd/go/internal/modfetch/key.go, sumdb.go).
func knownSumDB(name string) bool { return name == "sum.golang.org" || name == "sum.golang.google.cn" }

// fileServed reports whether a request got a file whose checksum go looks up.
func fileServed(r *trace.Request) bool {
	return (r.Purpose == trace.PurposeMod || r.Purpose == trace.PurposeZip || r.Purpose == trace.PurposeToolchain) && r.Status == 200
}

// govcsDenied: the path was discovered, and no git was run for it since GOVCS
// forbids it.
func govcsDenied(f *facts) []*trace.Finding {
	if !failed(f.Trace.Command) || f.ranGit() {
		return nil
	}
	for _, r := range f.Trace.Requests {
		if r.Purpose != trace.PurposeGoImport || r.Status != 200 {
			continue
		}
		vcs := goproxy.VCS(decode.Plain(r), r.Module)
		allowed, private := goproxy.VCSAllowed(f.goEnv("GOVCS"), f.goEnv("GOPRIVATE"), r.Module, vcs)
		if vcs == "" || allowed {
			continue
		}
		kind := "public"
		if private {
			kind = "private"
		}
		args := map[string]string{"host": urlHost(r.URL), "module": r.Module, "vcs": vcs, "kind": kind, "value": f.goEnv("GOVCS"), "path": r.Module}
		return []*trace.Finding{finding(hopConfig, r.StartedAt, args, append(f.goEvidence("GOVCS"), answerEvidence(r))...)}
	}
	return nil
}

// ranGit reports whether the go command ran git at all.
func (f *facts) ranGit() bool {
	return slices.ContainsFunc(f.Trace.Processes, func(p *trace.Process) bool { return f.byGit(p.PID) })
}

// gitMissing: version control was to be asked, and PATH has no git.
func gitMissing(f *facts) []*trace.Finding {
	env := f.Trace.Environment
	if env == nil || !failed(f.Trace.Command) || f.ranGit() {
		return nil
	}
	if path, known := env.Programs["git"]; !known || path != "" {
		return nil
	}
	for _, r := range f.Trace.Requests {
		if r.Purpose == trace.PurposeGoImport && r.Status == 200 && goproxy.VCS(decode.Plain(r), r.Module) == "git" {
			args := map[string]string{"host": urlHost(r.URL), "module": r.Module}
			none := trace.Evidence{Kind: kindConfig, Ref: "PATH", Text: "no directory of PATH has an executable git"}
			return []*trace.Finding{finding(hopHost, r.StartedAt, args, none, answerEvidence(r))}
		}
	}
	return nil
}

// toolchainLocalTooOld: a module wants a newer Go than the one that runs, and
// GOTOOLCHAIN does not let it be fetched.
func toolchainLocalTooOld(f *facts) []*trace.Finding {
	env := f.Trace.Environment
	if env == nil || !failed(f.Trace.Command) || !strings.HasPrefix(f.goEnv("GOTOOLCHAIN"), "local") {
		return nil
	}
	running, _, _ := strings.Cut(env.GoVersion, " ")
	for _, r := range f.Trace.Requests {
		if r.Purpose != trace.PurposeMod || r.Status != 200 {
			continue
		}
		if wants := goLine(decode.Plain(r)); version.IsValid(wants) && version.IsValid(running) && version.Compare(wants, running) > 0 {
			args := map[string]string{"host": urlHost(r.URL), "module": r.Module + "@" + r.Version, "wants": wants, "running": running}
			found := finding(hopConfig, r.StartedAt, args, f.goEvidence("GOTOOLCHAIN")...)
			found.Evidence = append(found.Evidence, requestEvidence(r, "its go.mod says: "+strings.Replace(wants, "go", "go ", 1)))
			return []*trace.Finding{found}
		}
	}
	return nil
}

// goLine is the Go version that a go.mod file wants, as "go1.21"; empty
// without one.
func goLine(mod []byte) string {
	for line := range strings.Lines(string(mod)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "go" {
			return "go" + fields[1]
		}
	}
	return ""
}

// toolchainNeedsSumDB: a toolchain is never taken unverified
// ($GOROOT/src/cmd/go/internal/modfetch/sumdb.go, useSumDB).
func toolchainNeedsSumDB(f *facts) []*trace.Finding {
	if f.goEnv("GOSUMDB") != goproxy.Off || !failed(f.Trace.Command) || slices.ContainsFunc(f.Trace.Requests, forSumDB) {
		return nil
	}
	for _, r := range f.Trace.Requests {
		if r.Purpose == trace.PurposeToolchain && r.Status == 200 && r.ResponseComplete && goproxy.Unusable(r) == "" && strings.HasSuffix(plainURL(r.URL), ".zip") {
			args := map[string]string{"host": urlHost(r.URL), "module": r.Module + "@" + r.Version}
			return []*trace.Finding{finding(hopConfig, r.StartedAt, args, append(f.goEvidence("GOSUMDB"), answerEvidence(r))...)}
		}
	}
	return nil
}

// goproxyEnvShadow: a fetch failed at a module proxy of the environment's list
// that the list of "go env -w" does not have.
func goproxyEnvShadow(f *facts) []*trace.Finding {
	if f.Trace.Environment == nil || !failed(f.Trace.Command) {
		return nil
	}
	stored, err := goproxy.ParseList(f.Trace.Environment.GoEnv["GOPROXY"].Shadows)
	if err != nil {
		return nil
	}
	for _, fetch := range f.Trace.Fetches {
		if n := len(fetch.Attempts); n > 0 && (fetch.Outcome == trace.Failed || fetch.Outcome == trace.Hung) {
			last := fetch.Attempts[n-1]
			if slices.ContainsFunc(stored, func(e goproxy.Entry) bool { return e.String() == last.Entry }) {
				continue
			}
			value, hidden := maskedList(f.goEnv("GOPROXY")), maskedList(f.Trace.Environment.GoEnv["GOPROXY"].Shadows)
			args := map[string]string{"host": urlHost(last.Entry), "value": value, "stored": hidden, "entry": last.Entry, "reason": last.NextBecause}
			found := finding(hopConfig, f.Trace.Command.StartedAt, args, f.listEvidence()...)
			found.Evidence = append(found.Evidence, trace.Evidence{Kind: kindConfig, Ref: "GOPROXY", Text: "go env -w has stored GOPROXY=" + hidden + ", which the environment hides"})
			found.Confidence = trace.Likely
			found.Evidence = append(found.Evidence, f.attemptEvidence(last)...)
			return []*trace.Finding{found}
		}
	}
	return nil
}

// attemptEvidence shows how an entry was asked, or not reached.
func (f *facts) attemptEvidence(a trace.Attempt) []trace.Evidence {
	var list []trace.Evidence
	for _, id := range a.Requests[:min(len(a.Requests), maxEvidence)] {
		list = append(list, answerEvidence(f.Request(id)))
	}
	for _, s := range append(f.directly(), f.atProxy()...) {
		if s.host == urlHost(a.Entry) {
			list = append(list, s.evidence)
		}
	}
	return list
}

// missingGoSum: a command that may not change go.sum needs a module that it has
// no sum of. It ends before it asks anybody.
func missingGoSum(f *facts) []*trace.Finding {
	env := f.Trace.Environment
	if env == nil || len(env.Unsummed) == 0 || !failed(f.Trace.Command) || f.asked() || len(f.directly())+len(f.atProxy()) > 0 {
		return nil
	}
	argv, cut := f.goCommand()
	if len(argv) < 2 || cut || f.compiled() || !readsOnly(argv, f.goEnv("GOFLAGS")) {
		return nil
	}
	args := map[string]string{"count": strconv.Itoa(len(env.Unsummed)), "modules": strings.Join(env.Unsummed, ", "), "command": strings.Join(argv[:2], " ")}
	line := trace.Evidence{Kind: kindConfig, Ref: "go.sum", Text: "go.sum has no line for " + args["modules"] + ", which go.mod requires"}
	found := finding(hopConfig, f.Trace.Command.StartedAt, args, line)
	found.Confidence = trace.Likely // it may have failed otherwise
	return []*trace.Finding{found}
}

// readsOnly reports whether a go command uses packages and must not change
// go.mod: the default, unless a flag says mod or vendor.
func readsOnly(argv []string, goflags string) bool {
	switch argv[1] {
	case "build", "install", "list", "run", "test", "vet", "generate":
		flags := goflags + " " + strings.Join(argv[2:], " ")
		return !strings.Contains(flags, "-mod=mod") && !strings.Contains(flags, "-mod=vendor")
	}
	return false
}
