package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// moduleProxy answers the GOPROXY protocol (https://go.dev/ref/mod#goproxy-protocol).
type moduleProxy struct {
	catalog *catalog
	// zipHost is where requests for .zip are redirected; empty serves them here.
	zipHost string
	// sumdb answers below /sumdb/sum.test/; nil answers 404 there.
	sumdb http.Handler
}

// ServeHTTP implements [http.Handler].
func (p *moduleProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/sumdb/"+SumDBHost); ok && p.sumdb != nil {
		p.relay(w, r, rest)
		return
	}
	modPath, file, err := splitModuleURL(r.URL.Path)
	if err != nil {
		http.Error(w, "not found: "+err.Error(), http.StatusNotFound)
		return
	}
	if file == "list" || file == "@latest" {
		p.serveVersions(w, r, modPath, file)
		return
	}
	p.serveRelease(w, r, modPath, file)
}

// relay passes a request on to the checksum database.
func (p *moduleProxy) relay(w http.ResponseWriter, r *http.Request, rest string) {
	if rest == "/supported" {
		w.WriteHeader(http.StatusOK)
		return
	}
	http.StripPrefix("/sumdb/"+SumDBHost, p.sumdb).ServeHTTP(w, r)
}

// splitModuleURL splits a request path into a module path and one of
// "@latest", "list" and "VERSION.EXT". Upper-case letters are escaped in it.
func splitModuleURL(urlPath string) (modPath, file string, err error) {
	urlPath = strings.TrimPrefix(urlPath, "/")
	escaped, ok := strings.CutSuffix(urlPath, "/@latest")
	if file = "@latest"; !ok {
		if escaped, file, ok = strings.Cut(urlPath, "/@v/"); !ok {
			return "", "", errors.New("no /@v/ or /@latest")
		}
	}
	modPath, err = module.UnescapePath(escaped)
	return modPath, file, err
}

// serveVersions answers list and @latest.
func (p *moduleProxy) serveVersions(w http.ResponseWriter, r *http.Request, modPath, file string) {
	versions := p.catalog.versions(modPath)
	if len(versions) == 0 {
		http.Error(w, "not found: no such module: "+modPath, http.StatusNotFound)
		return
	}
	if file == "@latest" {
		p.serveRelease(w, r, modPath, versions[len(versions)-1]+".info")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	io.WriteString(w, strings.Join(versions, "\n")+"\n")
}

// serveRelease answers .info, .mod and .zip.
func (p *moduleProxy) serveRelease(w http.ResponseWriter, r *http.Request, modPath, file string) {
	dot := strings.LastIndexByte(file, '.')
	if dot < 0 {
		http.Error(w, "not found: "+file, http.StatusNotFound)
		return
	}
	version, err := module.UnescapeVersion(file[:dot])
	rel := p.catalog.find(modPath, version)
	if err != nil || rel == nil {
		http.Error(w, fmt.Sprintf("not found: %s@%s: no such version", modPath, file[:dot]), http.StatusNotFound)
		return
	}
	switch file[dot:] {
	case ".info":
		p.serveInfo(w, rel)
	case ".mod":
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		io.WriteString(w, rel.goMod())
	case ".zip":
		p.serveZip(w, r, rel)
	default:
		http.Error(w, "not found: "+file, http.StatusNotFound)
	}
}

// serveInfo answers .info.
func (p *moduleProxy) serveInfo(w http.ResponseWriter, rel *release) {
	text, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{rel.Version.Version, released()})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}

// serveZip answers .zip or says where it is.
func (p *moduleProxy) serveZip(w http.ResponseWriter, r *http.Request, rel *release) {
	if p.zipHost != "" {
		http.Redirect(w, r, "https://"+p.zipHost+r.URL.EscapedPath(), http.StatusFound)
		return
	}
	text, err := rel.zip()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Write(text)
}
