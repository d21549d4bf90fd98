package diagnose

import (
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func forGit(r *trace.Request) bool {
	return r.Purpose == trace.PurposeGitRefs || r.Purpose == trace.PurposeGitPack
}

func gitAuthPrompt(f *facts) []*trace.Finding {
	return f.statusFault(func(r *trace.Request) bool { return r.Status == 401 && forGit(r) })
}

func gitHang(f *facts) []*trace.Finding { return f.waiting(forGit) }

// gitCADiffers: git refused a certificate that the go command itself took, or
// one of an authority that it took another of. Git has a store of its own.
func gitCADiffers(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		why, confidence := f.refusal(y)
		if why != certGit {
			continue
		}
		taken := f.acceptedByGo(y)
		found := finding(hopConfig, y.at(), with(f.layerArgs(y), f.certificateArgs(y, why)...), f.certificateEvidence(y)...)
		found.Confidence = confidence
		if found.Args["accepted"] = taken.host; sameCertificate(y.l.Certificates, taken.l.Certificates) {
			found.Args["accepted"] = ""
		}
		found.Args["repository"] = f.repository(y)
		found.Args["bundle"] = f.Trace.Environment.TLS["SSL_CERT_FILE"]
		found.Evidence = append(found.Evidence, tlsEvidence(taken.c, taken.l, "go itself accepted the certificate of "+taken.host+", by the same authority"))
		found.Evidence = append(found.Evidence, f.trustEvidence("SSL_CERT_FILE"), f.trustEvidence("GIT_SSL_CAINFO"))
		list = append(list, found)
	}
	return list
}

// repository is the URL that a git process was told to ask, credentials
// masked; the root of the host if that is not known.
func (f *facts) repository(y layer) string {
	if p := f.processes[y.c.PID]; p != nil {
		for _, a := range p.Argv {
			if strings.Contains(a, "://") && urlHost(a) == y.host {
				return goproxy.Mask(a)
			}
		}
	}
	return "https://" + y.host + "/"
}

// trustEvidence shows a variable that names a certificate store, set or not.
func (f *facts) trustEvidence(name string) trace.Evidence {
	text := name + " is not set"
	if value := f.Trace.Environment.TLS[name]; value != "" {
		text = name + "=" + value
	}
	return trace.Evidence{Kind: kindConfig, Ref: name, Text: text}
}

// acceptedByGo returns a layer in which a process other than git took the
// certificate that git refused in y, or one of the same authority; nil if there
// is none. A request inside shows that it did.
func (f *facts) acceptedByGo(y layer) *layer {
	if !f.byGit(y.c.PID) || y.toProxy || f.unverified() {
		return nil
	}
	for i, z := range f.layers {
		if f.byGit(z.c.PID) || z.toProxy || !z.l.Established || !f.Carried(z.c) {
			continue
		}
		if sameAuthority(y.l.Certificates, z.l.Certificates) || len(z.l.Certificates) == 0 && z.host == y.host {
			return &f.layers[i]
		}
	}
	return nil
}

// unverified reports whether go may have accepted certificates without a look.
func (f *facts) unverified() bool {
	env := f.Trace.Environment
	return env == nil || env.GoEnv["GOINSECURE"].Value != ""
}

// sameAuthority reports whether two chains begin with the same certificate or
// lead to the same issuer.
func sameAuthority(a, b []*trace.Certificate) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	top, other := a[len(a)-1].Issuer, b[len(b)-1].Issuer
	return sameCertificate(a, b) || top != "" && top == other
}

func sameCertificate(a, b []*trace.Certificate) bool {
	return len(a) > 0 && len(b) > 0 && a[0].SHA256 != "" && a[0].SHA256 == b[0].SHA256
}

// saysUnknownRevision reports whether a module proxy passes on what git said.
func saysUnknownRevision(r *trace.Request) bool {
	return missing(r) && strings.Contains(said(r), "unknown revision")
}

// unknownRevision: the repository can be asked and does not have what was
// wanted, by git's own account or a module proxy's.
func unknownRevision(f *facts) []*trace.Finding {
	list := f.notFound(saysUnknownRevision)
	for _, found := range list {
		mod, revision, _ := strings.Cut(found.Args["module"], "@")
		found.Args = map[string]string{
			"host": found.Args["host"], "module": mod, "revision": revision,
			"repository": "https://" + mod, "server_said": found.Args["server_said"],
		}
	}
	m := f.MissingRevision()
	if m == nil {
		return list
	}
	host := urlHost(m.Repository)
	if host == "" { // git@host:path
		host, _, _ = strings.Cut(m.Module, "/")
	}
	found := finding(f.hop(host), m.Git.StartedAt, map[string]string{
		"host": host, "module": m.Module, "revision": m.Revision, "repository": m.Repository, "server_said": "",
	}, processEvidence(m.Git))
	found.Confidence = trace.Likely
	for _, r := range m.Requests[:min(len(m.Requests), maxEvidence)] {
		found.Evidence = append(found.Evidence, answerEvidence(r))
	}
	return append(list, found)
}
