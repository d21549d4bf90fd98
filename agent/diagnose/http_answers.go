package diagnose

import (
	"bytes"
	"encoding/json"
	"io"
	"path"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// redirectToLogin: a request for a module's file was sent on to another host,
// which answered with a page.
func redirectToLogin(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, c := range f.Trace.Chains {
		last := f.lastOf(c)
		if last == nil || len(c.Requests) < 2 || last.Status != 200 || !goproxy.IsPage(last) || f.Harmless(last) {
			continue
		}
		first := f.Request(c.Requests[0])
		if first.Purpose == trace.PurposeOther || first.Purpose == trace.PurposeGoImport || urlHost(first.URL) == urlHost(last.URL) ||
			path.Base(plainURL(first.URL)) == path.Base(plainURL(last.URL)) { // the file's own place elsewhere
			continue
		}
		found := f.requestFinding(last)
		found.Args["first"], found.Args["login"] = plainURL(first.URL), plainURL(last.URL)
		found.Evidence = nil
		for _, id := range c.Requests[:min(len(c.Requests), maxEvidence)] {
			found.Evidence = append(found.Evidence, stepEvidence(f.Request(id)))
		}
		list = append(list, found)
	}
	return list
}

// stepEvidence shows one answer of a chain: where it led to, or what it was.
func stepEvidence(r *trace.Request) trace.Evidence {
	to := goproxy.Location(r)
	if to == "" {
		return bodyEvidence(r)
	}
	e := answerEvidence(r)
	e.Text += ", Location: " + plainURL(to)
	return e
}

// proxyWrongVersion: go takes the answer for a version only if it is about
// that version ($GOROOT/src/cmd/go/internal/modfetch/proxy.go, Stat).
func proxyWrongVersion(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.Trace.Requests {
		var info struct{ Version string }
		switch {
		case r.Purpose != trace.PurposeInfo || r.Status != 200 || !r.ResponseComplete || !f.mayHaveFailed():
		case module.CanonicalVersion(r.Version) != r.Version: // of a branch it is another one
		case json.Unmarshal(decode.Plain(r), &info) != nil || info.Version == "" || info.Version == r.Version:
		default:
			found := f.requestFinding(r, "wanted", r.Version, "got", info.Version)
			found.Evidence[0].Text += `, "Version":"` + info.Version + `"`
			list = append(list, found)
		}
	}
	return list
}

// gzipBroken: go asks for gzip and believes the answer's header
// ($GOROOT/src/net/http/transport.go, gzipReader).
func gzipBroken(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.Trace.Requests {
		if r.Status != 200 || !strings.EqualFold(r.Header("Content-Encoding"), "gzip") || len(r.Body) < 2 || bytes.HasPrefix(r.Body, []byte{0x1f, 0x8b}) || !f.mayHaveFailed() {
			continue
		}
		found := f.requestFinding(r)
		found.Evidence[0].Text += ", Content-Encoding: gzip, and the body begins " + quoteStart(r.Body[:min(len(r.Body), 32)])
		list = append(list, found)
	}
	return list
}

// httpsOnHTTPURL: an http URL leads to a port where TLS is spoken. Go's and
// other servers answer in plain text, others by an alert.
func httpsOnHTTPURL(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		line := strings.ToLower(string(decode.Plain(r)))
		told := r.Status == 400 && (strings.Contains(line, "http request to an https server") || strings.Contains(line, "plain http request was sent to https port"))
		alert := strings.HasPrefix(r.Error, decode.MalformedAnswer+`: "\x15\x03`)
		if rest, plain := strings.CutPrefix(r.URL, "http://"); plain && (told || alert) {
			found := f.requestFinding(r, "right", "https://"+goproxy.Mask(rest))
			if entry, ok := strings.CutPrefix(found.Args["entry"], "http://"); ok {
				found.Args["entry"] = "https://" + entry
			}
			list = append(list, found)
		}
	}
	return list
}

// headerMalformed: what came back is no HTTP.
func headerMalformed(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		if answer, ok := strings.CutPrefix(r.Error, decode.MalformedAnswer+": "); ok && r.Status == 0 && r.Protocol != "HTTP/2.0" {
			found := f.requestFinding(r, "answer", answer)
			list = append(list, found)
		}
	}
	return list
}

// checksumMismatch: the go.mod file that was served is not the one that the
// checksum database has the sum of. Both were read in full.
func checksumMismatch(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.Trace.Requests {
		text := decode.Plain(r)
		if r.Purpose != trace.PurposeMod || r.Status != 200 || !r.ResponseComplete || len(text) == 0 || len(r.Body) >= decode.MaxBody || !f.mayHaveFailed() || goproxy.IsPage(r) {
			continue
		}
		got, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		lookup, want := f.recordedSum(r.Module, r.Version+"/go.mod")
		if err != nil || want == "" || want == got {
			continue
		}
		found := f.requestFinding(r, "got", got, "want", want, "database", urlHost(lookup.URL))
		found.Evidence[0].Text += ", whose sum is " + got
		found.Evidence = append(found.Evidence, requestEvidence(lookup, "the checksum database has "+want))
		list = append(list, found)
	}
	return list
}

// recordedSum returns the sum that the checksum database gave for a file, and
// the request that it came with; "" if it was not asked.
func (f *facts) recordedSum(mod, version string) (*trace.Request, string) {
	for _, r := range f.Trace.Requests {
		if r.Purpose != trace.PurposeLookup || r.Status != 200 || r.Module != mod {
			continue
		}
		for line := range strings.Lines(string(decode.Plain(r))) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == mod && fields[1] == version {
				return r, fields[2]
			}
		}
	}
	return nil, ""
}

// h2ALPNLie: TLS agreed on HTTP/2, and HTTP/1.1 was spoken.
func h2ALPNLie(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.exchanges {
		if answer, ok := strings.CutPrefix(r.Error, decode.MalformedAnswer+": no frame begins with "); ok && strings.HasPrefix(answer, `"HTTP/`) {
			list = append(list, f.requestFinding(r, "answer", answer))
		}
	}
	return list
}
