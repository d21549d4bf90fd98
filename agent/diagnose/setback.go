package diagnose

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// setback is a host that the go command got no answer of, with what shows it.
// Rules about settings explain setbacks.
type setback struct {
	host, port string
	at         time.Time
	evidence   trace.Evidence
}

// directly returns go's setbacks on the way to hosts that it did not ask a
// proxy for. This machine's own addresses never go through one.
func (f *facts) directly() []setback {
	var list []setback
	for _, r := range f.names {
		if _, l := r.kind(); f.byGo(r.pid) && !f.IsProxy(r.name) {
			list = append(list, setback{r.name, "443", l.StartedAt, lookupEvidence(l)})
		}
	}
	for _, d := range f.dials {
		host, port := goproxy.SplitAddress(d.c.Remote)
		if ip := net.ParseIP(host); d.proxy || d.kind == "" || !f.byGo(d.c.PID) || ip != nil && ip.IsLoopback() || port == "53" {
			continue
		}
		list = append(list, setback{d.host, port, d.c.StartedAt, f.dialFinding(d).Evidence[0]})
	}
	return list
}

// atProxy returns go's setbacks at the HTTP or SOCKS proxy: it could not be
// reached, or opened no tunnel. The host is the one that was wanted, where known.
func (f *facts) atProxy() []setback {
	var list []setback
	for _, r := range f.names {
		if _, l := r.kind(); f.byGo(r.pid) && f.IsProxy(r.name) {
			list = append(list, setback{"", "", l.StartedAt, lookupEvidence(l)})
		}
	}
	for _, d := range f.dials {
		if d.proxy && d.kind != "" && f.byGo(d.c.PID) {
			list = append(list, setback{"", "", d.c.StartedAt, f.dialFinding(d).Evidence[0]})
		}
	}
	for _, r := range f.connects() {
		if f.byGo(r.PID) && r.Status != 407 {
			host, port := goproxy.SplitAddress(r.URL)
			list = append(list, setback{host, port, r.StartedAt, answerEvidence(r)})
		}
	}
	return list
}

// variables returns the *_PROXY variables as go reads them.
func (f *facts) variables() *goproxy.ProxyVariables {
	return goproxy.ProxyVariablesOf(f.Trace.Environment)
}

// variableEvidence shows a variable of the environment, credentials masked; as
// not set if it has no value.
func variableEvidence(name, value string) trace.Evidence {
	text := name + " is not set"
	if value != "" {
		text = name + "=" + goproxy.Mask(value) + " (environment)"
	}
	return trace.Evidence{Kind: kindConfig, Ref: name, Text: text}
}

// goEnv returns a setting of the go command; empty where it is not known.
func (f *facts) goEnv(name string) string {
	if f.Trace.Environment == nil {
		return ""
	}
	return f.Trace.Environment.GoEnv[name].Value
}

// goEvidence shows a setting of the go command as it is in force.
func (f *facts) goEvidence(name string) []trace.Evidence {
	value := f.goEnv(name)
	if name == "GOPROXY" {
		return f.listEvidence()
	}
	if value == "" {
		return []trace.Evidence{{Kind: kindConfig, Ref: name, Text: name + " is not set"}}
	}
	return f.configEvidence(name, goproxy.Mask(value))
}

// asked reports whether go sent any request that is about modules.
func (f *facts) asked() bool {
	return slices.ContainsFunc(f.Trace.Requests, func(r *trace.Request) bool {
		return r.Purpose != trace.PurposeOther && r.Purpose != trace.PurposeConnect
	})
}

// refusing is the finding for a setting with which the go command ends: it
// failed, and was one that fetches modules. nil if it was not.
func (f *facts) refusing(args map[string]string, evidence ...trace.Evidence) *trace.Finding {
	argv := f.fetchingCommand()
	if argv == nil {
		return nil
	}
	args["command"] = strings.Join(argv[:2], " ")
	found := finding(hopConfig, f.Trace.Command.StartedAt, args, evidence...)
	return found
}

// fetchingCommand is the command line of the go command that failed and that
// fetches modules; nil without one.
func (f *facts) fetchingCommand() []string {
	if !failed(f.Trace.Command) {
		return nil
	}
	if argv, _ := f.goCommand(); len(argv) > 1 && fetches(argv) {
		return argv
	}
	return nil
}

// one is a list of at most one finding.
func one(found *trace.Finding) []*trace.Finding {
	if found == nil {
		return nil
	}
	return []*trace.Finding{found}
}
