package goproxy

import (
	"net/url"
	"strings"

	"golang.org/x/mod/module"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// toolchainModule is the module that Go toolchains are downloaded as.
const toolchainModule = "golang.org/toolchain"

// classify says what a request is for. The URL alone decides: the GOPROXY
// protocol (go.dev/ref/mod#goproxy-protocol), the checksum database's, the
// ?go-get=1 discovery and git's smart HTTP protocol all can be told by it.
func (c *Config) classify(method, raw string) (purpose, mod, version string) {
	if method == "CONNECT" {
		return trace.PurposeConnect, "", ""
	}
	parsed, err := parseURL(raw)
	if err != nil {
		return trace.PurposeOther, "", ""
	}
	u := &parsed
	if p, m := gitPurpose(method, u); p != "" {
		return p, m, ""
	}
	if u.RawQuery != "" && u.Query().Get("go-get") == "1" {
		return trace.PurposeGoImport, hostPath(u), ""
	}
	if p, m, v := c.sumPurpose(u); p != "" {
		return p, m, v
	}
	if p, m, v := c.modulePurpose(u); p != "" {
		if m == toolchainModule {
			p = trace.PurposeToolchain
		}
		return p, m, v
	}
	return trace.PurposeOther, "", ""
}

// gitPurpose knows git's smart HTTP protocol (gitprotocol-http).
func gitPurpose(method string, u *url.URL) (purpose, repository string) {
	if p, ok := strings.CutSuffix(u.Path, "/info/refs"); ok && u.Query().Get("service") == "git-upload-pack" {
		return trace.PurposeGitRefs, repositoryPath(u, p)
	}
	if p, ok := strings.CutSuffix(u.Path, "/git-upload-pack"); ok && method == "POST" {
		return trace.PurposeGitPack, repositoryPath(u, p)
	}
	return "", ""
}

func repositoryPath(u *url.URL, path string) string {
	return u.Hostname() + strings.TrimSuffix(path, ".git")
}

func hostPath(u *url.URL) string {
	return u.Host + strings.TrimSuffix(u.Path, "/")
}

// modulePurpose knows <base>/<module>/@v/... and <base>/<module>/@latest.
func (c *Config) modulePurpose(u *url.URL) (purpose, mod, version string) {
	path, file := "", ""
	if p, ok := strings.CutSuffix(u.Path, "/@latest"); ok {
		path, purpose = p, trace.PurposeLatest
	} else if i := strings.LastIndex(u.Path, "/@v/"); i >= 0 {
		path, file = u.Path[:i], u.Path[i+len("/@v/"):]
		if purpose, version = filePurpose(file); purpose == "" {
			return "", "", ""
		}
	} else {
		return "", "", ""
	}
	if mod = c.modulePath(u, path); mod == "" {
		return "", "", ""
	}
	return purpose, mod, version
}

// filePurpose reads the last element: list, V.info, V.mod or V.zip.
func filePurpose(file string) (purpose, version string) {
	if file == "list" {
		return trace.PurposeList, ""
	}
	i := strings.LastIndexByte(file, '.')
	if i <= 0 || strings.Contains(file, "/") {
		return "", ""
	}
	switch file[i:] {
	case ".info":
		purpose = trace.PurposeInfo
	case ".mod":
		purpose = trace.PurposeMod
	case ".zip":
		purpose = trace.PurposeZip
	default:
		return "", ""
	}
	return purpose, unescapeVersion(file[:i])
}

// modulePath takes the base path of a known GOPROXY entry off. Without one the
// module begins at the first element that can begin a module path: it has a
// dot, which base paths rarely have.
func (c *Config) modulePath(u *url.URL, path string) string {
	if i := c.entryOf(u); i >= 0 {
		_, _, prefix, _ := c.List[i].base()
		if m := strings.TrimPrefix(strings.TrimPrefix(path, prefix), "/"); m != "" {
			return unescapePath(m)
		}
	}
	rest := strings.TrimPrefix(path, "/")
	for rest != "" {
		first, after, _ := strings.Cut(rest, "/")
		if strings.Contains(first, ".") {
			if m, err := module.UnescapePath(rest); err == nil {
				return m
			}
		}
		rest = after
	}
	return ""
}

// sumPurpose knows the checksum database's requests, through a module proxy
// (<base>/sumdb/<name>/...) and at the database itself.
func (c *Config) sumPurpose(u *url.URL) (purpose, mod, version string) {
	if i := strings.Index(u.Path, "/sumdb/"); i >= 0 {
		_, op := splitSumPath(u.Path[i+len("/sumdb/"):])
		return sumOperation(op)
	}
	path := u.Path
	if c.sumURL != nil && strings.EqualFold(c.sumURL.Host, u.Host) {
		path = strings.TrimPrefix(path, strings.TrimSuffix(c.sumURL.Path, "/"))
	} else if !strings.HasPrefix(path, "/lookup/") && !strings.HasPrefix(path, "/tile/8/") {
		return "", "", ""
	}
	return sumOperation(strings.TrimPrefix(path, "/"))
}

// splitSumPath splits what follows /sumdb/ into the database's name, which may
// hold slashes, and the operation.
func splitSumPath(s string) (name, op string) {
	if n, ok := strings.CutSuffix(s, "/supported"); ok {
		return n, "supported"
	}
	for _, word := range []string{"/lookup/", "/tile/"} {
		if i := strings.Index(s, word); i > 0 {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// sumOperation reads supported, lookup/M@V and tile/H/L/N[.p/W]
// (golang.org/x/mod/sumdb, Client).
func sumOperation(op string) (purpose, mod, version string) {
	switch {
	case op == "supported":
		return trace.PurposeSupported, "", ""
	case strings.HasPrefix(op, "tile/"):
		return trace.PurposeTile, "", ""
	case strings.HasPrefix(op, "lookup/"):
		mv := op[len("lookup/"):]
		if i := strings.LastIndexByte(mv, '@'); i > 0 {
			return trace.PurposeLookup, unescapePath(mv[:i]), unescapeVersion(mv[i+1:])
		}
	}
	return "", "", ""
}

// SumDBName returns the name of the database that a request is for, or "".
func (c *Config) SumDBName(raw string) string {
	u, err := parseURL(raw)
	if err != nil {
		return c.sumName
	}
	if i := strings.Index(u.Path, "/sumdb/"); i >= 0 {
		name, _ := splitSumPath(u.Path[i+len("/sumdb/"):])
		return name
	}
	if c.sumName != "" {
		return c.sumName
	}
	return u.Hostname()
}

// unescapePath undoes the !x form; a path that is not a valid module path is
// kept as it is, since the go command asks for it all the same.
func unescapePath(s string) string {
	if !strings.Contains(s, "!") {
		return s
	}
	if m, err := module.UnescapePath(s); err == nil {
		return m
	}
	return s
}

func unescapeVersion(s string) string {
	if !strings.Contains(s, "!") {
		return s
	}
	if v, err := module.UnescapeVersion(s); err == nil {
		return v
	}
	return s
}
