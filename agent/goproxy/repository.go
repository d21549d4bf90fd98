package goproxy

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxPage is how much of a discovery page, unpacked, is searched for its
// go-import tags.
const maxPage = 64 << 10

var (
	metaTag  = regexp.MustCompile(`(?i)<meta\s[^>]*>`)
	nameAttr = regexp.MustCompile(`(?i)\sname\s*=\s*["']?go-import["'\s/>]`)
	content  = regexp.MustCompile(`(?i)\scontent\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// repository is what a go-import meta tag says (go.dev/ref/mod#vcs-find).
type repository struct {
	root, vcs, url string
}

// repositories returns the go-import tags of a discovery page. A page cut in
// the middle gives those that are whole.
func repositories(body []byte, encoding string) []repository {
	if strings.EqualFold(encoding, "gzip") {
		body = gunzip(body)
	}
	var list []repository
	for _, tag := range metaTag.FindAll(body, -1) {
		m := content.FindSubmatch(tag)
		if m == nil || !nameAttr.Match(tag) {
			continue
		}
		if f := strings.Fields(string(m[1]) + string(m[2])); len(f) >= 3 {
			list = append(list, repository{root: f[0], vcs: f[1], url: f[2]})
		}
	}
	return list
}

// gunzip unpacks as much as there is.
func gunzip(body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	page, _ := io.ReadAll(io.LimitReader(z, maxPage)) // what came before the cut is enough
	return page
}

// nameRepositories gives git's requests the module path under which the
// discovery page announced their repository.
func nameRepositories(t *trace.Trace) {
	roots := map[string]string{} // repository as host/path → root module path
	for _, r := range t.Requests {
		switch r.Purpose {
		case trace.PurposeGoImport:
			for _, repo := range repositories(r.Body, r.Header("Content-Encoding")) {
				if u, err := url.Parse(repo.url); err == nil && u.Host != "" {
					roots[repositoryPath(u, strings.TrimSuffix(u.Path, "/"))] = repo.root
				}
			}
		case trace.PurposeGitRefs, trace.PurposeGitPack:
			if root, ok := roots[r.Module]; ok {
				r.Module = root
			}
		}
	}
}
