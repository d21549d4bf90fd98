package diagnose

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// wrongSchemeToProxy: the variable's scheme is not what the proxy speaks. Nearly
// every proxy is spoken to in plain HTTP, also for https URLs.
func wrongSchemeToProxy(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		if first := string(y.l.NotTLS); y.toProxy && first != "" {
			found := f.schemeFinding(y.c, "http", firstLine(y.l.NotTLS), tlsEvidence(y.c, y.l, "the answer to the ClientHello begins "+quoteStart(y.l.NotTLS)))
			if !strings.HasPrefix(first, "HTTP/") {
				found.Confidence = trace.Likely // not TLS; what it is instead is a guess
			}
			list = append(list, found)
		}
	}
	for _, r := range f.connects() {
		right, answer := schemeOf(r)
		if right == "" {
			continue
		}
		found := f.schemeFinding(f.Connection(r.Connection), right, answer, answerEvidence(r))
		found.Confidence = trace.Likely
		list = append(list, found)
	}
	return list
}

// schemeOf tells from a malformed answer to CONNECT what the proxy speaks
// instead: a TLS alert (RFC 8446, section 5.1) or SOCKS version 5 (RFC 1928).
func schemeOf(r *trace.Request) (scheme, answer string) {
	answer, ok := strings.CutPrefix(r.Error, decode.MalformedAnswer+": ")
	switch {
	case !ok || r.Status != 0:
	case strings.HasPrefix(answer, `"\x15\x03`):
		return "https", "a TLS alert"
	case strings.HasPrefix(answer, `"\x05`):
		return "socks5", "SOCKS version 5"
	}
	return "", ""
}

func (f *facts) schemeFinding(c *trace.Connection, right, answer string, evidence trace.Evidence) *trace.Finding {
	args := f.proxyArgs(c, "")
	name, _ := f.ProxySetting(args["host"])
	if name == "" {
		name = "HTTPS_PROXY"
	}
	_, authority, _ := strings.Cut(args["proxy"], "://")
	args["variable"], args["answer"], args["right"] = name, answer, right+"://"+authority
	delete(args, "target")
	found := finding(hopConfig, c.StartedAt, args, evidence)
	found.Evidence = append(found.Evidence, f.proxySetting(args["host"])...)
	return found
}

// proxyNotAProxy: these statuses are how a web server that is no proxy answers
// CONNECT.
func proxyNotAProxy(f *facts) []*trace.Finding {
	list := f.connectStatus(noProxyStatus)
	for _, found := range list {
		found.Confidence = trace.Likely
		found.Args["variable"] = "HTTPS_PROXY"
		if name, _ := f.ProxySetting(found.Args["host"]); name != "" {
			found.Args["variable"] = name
		}
	}
	return list
}

func noProxyStatus(r *trace.Request) bool {
	return r.Status == 404 || r.Status == 405 || r.Status == 501
}

// goproxyOff: nothing may be fetched. Commands that fetch are likely to have
// failed for it, others may have.
func goproxyOff(f *facts) []*trace.Finding {
	c := f.Trace.Command
	if len(f.Config.List) == 0 || f.Config.List[0].URL != goproxy.Off || !failed(c) {
		return nil
	}
	argv, cut := f.goCommand()
	if len(argv) < 2 || f.compiled() || slices.ContainsFunc(f.Trace.Requests, func(r *trace.Request) bool { return r.Purpose != trace.PurposeOther }) {
		return nil
	}
	found := finding(hopConfig, c.StartedAt, map[string]string{"command": strings.Join(argv[:2], " "), "code": strconv.Itoa(*c.ExitCode)}, f.listEvidence()...)
	found.Confidence = trace.Likely
	if !fetches(argv) {
		found.Confidence = trace.Possible
		if !cut { // else the module may stand in what is missing
			found.Severity = trace.Warning
		}
	}
	return []*trace.Finding{found}
}

// goCommand is the command line of the go command that failed, and whether it was
// cut; nil without one.
func (f *facts) goCommand() (argv []string, cut bool) {
	if argv := f.Trace.Command.Argv; len(argv) > 0 && path.Base(argv[0]) == "go" {
		return argv, false
	}
	for _, p := range f.Trace.Processes {
		if path.Base(p.Exe) == "go" && p.ExitCode != nil && *p.ExitCode != 0 {
			return p.Argv, p.ArgvCut
		}
	}
	return nil, false
}

// compiled reports whether go came as far as to compile: it had found all
// packages then, and what failed is in them.
func (f *facts) compiled() bool {
	return slices.ContainsFunc(f.Trace.Processes, func(p *trace.Process) bool {
		return path.Base(p.Exe) == "compile" && !slices.Contains(p.Argv, "-V=full") // go asks for its version before
	})
}

// fetches reports whether a go command line is for fetching modules.
func fetches(argv []string) bool {
	switch argv[1] {
	case "get", "mod":
		return true
	}
	return slices.ContainsFunc(argv[2:], func(a string) bool { return strings.Contains(a, "@") && !strings.HasPrefix(a, "-") })
}
