package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// dnsSearchNDots: names were asked for with search domains first, in vain,
// before they were asked for as they are (resolv.conf(5), ndots).
func dnsSearchNDots(f *facts) []*trace.Finding {
	bare := map[string]bool{}
	for _, l := range f.Lookups() {
		if len(l.Answers) > 0 {
			bare[strings.ToLower(l.Name)] = true
		}
	}
	var extra []*trace.Lookup
	for _, l := range f.Lookups() {
		name := strings.ToLower(l.Name)
		for i := strings.LastIndexByte(name, '.'); i > 0 && l.RCode == "NXDOMAIN"; i = strings.LastIndexByte(name[:i], '.') {
			if bare[name[:i]] {
				extra = append(extra, l)
				break
			}
		}
	}
	if len(extra) < 2 {
		return nil
	}
	first := extra[0]
	args := map[string]string{"host": strings.ToLower(first.Name), "server": first.Server, "resolver": hostOnly(first.Server), "count": strconv.Itoa(len(extra)), "of": strconv.Itoa(len(f.Lookups()))}
	found := finding(hopResolver, first.StartedAt, args)
	for _, l := range extra[:min(len(extra), maxEvidence)] {
		found.Evidence = append(found.Evidence, lookupEvidence(l))
	}
	found.Severity = trace.Info
	return []*trace.Finding{found}
}

// oldAnswer is from what age on an answer about the latest version may be out
// of date.
const oldAnswer = time.Hour

// proxyStaleLatest: the latest version was asked for, and the answer came out of
// a cache (RFC 9111, section 5.1).
func proxyStaleLatest(f *facts) []*trace.Finding {
	if !f.wantsLatest() {
		return nil
	}
	var list []*trace.Finding
	for _, r := range f.Trace.Requests {
		seconds, err := strconv.ParseUint(r.Header("Age"), 10, 32)
		if r.Purpose != trace.PurposeList && r.Purpose != trace.PurposeLatest || r.Status != 200 || err != nil || seconds < uint64(oldAnswer.Seconds()) {
			continue
		}
		found := f.requestFinding(r, "age", (time.Duration(seconds) * time.Second).String())
		found.Evidence[0].Text += ", Age: " + r.Header("Age")
		found.Severity, found.Confidence = trace.Info, trace.Possible
		list = append(list, found)
	}
	return list
}

// wantsLatest reports whether the command asks for a module's latest version.
func (f *facts) wantsLatest() bool {
	c := f.Trace.Command
	if c == nil {
		return false
	}
	wanted, _ := f.WantedModules()
	return slices.ContainsFunc(c.Argv, func(a string) bool {
		mod, version, _ := strings.Cut(a, "@")
		return slices.Contains(wanted, mod) && (version == "" || version == "latest" || version == "upgrade" || version == "patch")
	})
}
