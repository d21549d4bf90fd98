//go:build linux

// Package settings reads the configuration of the go command, and of what it
// runs, as a process with a given environment sees it, without running
// anything: environment, then the user's `go env -w` file, then GOROOT/go.env,
// then the built-in default ($GOROOT/src/cmd/go/internal/cfg/cfg.go).
package settings

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Origins of a setting other than a file ([capture.Setting]).
const (
	fromEnvironment = "environment"
	fromGOROOT      = "GOROOT/go.env"
	fromDefault     = "default"
)

// Reader reads files as the traced user may.
type Reader struct {
	// Env is the environment of the command, as NAME=value.
	Env []string
	// Dir is the working directory of the command.
	Dir string
	// Go is the path of the go command that the command would run; empty if
	// there is none.
	Go string
	// ResolvConf is the resolver's configuration, /etc/resolv.conf.
	ResolvConf string
	// Hosts is the hosts file, /etc/hosts.
	Hosts string
}

// Read returns the settings in force at time now.
func (r Reader) Read(now time.Time) *capture.Environment {
	e := &capture.Environment{
		Time:      now,
		Proxy:     r.matching(isProxy),
		TLS:       r.matching(isTLS),
		Resolvers: resolvers(readFile(r.ResolvConf)),
		Programs:  r.programs(),
		Unsummed:  r.unsummed(),
		Roots:     r.roots(),
	}
	userFile, user := r.userFile()
	e.GOROOT = r.goroot(user)
	var goroot map[string]string
	if e.GOROOT != "" {
		e.GoVersion = version(readFile(filepath.Join(e.GOROOT, "VERSION")))
		goroot = parseEnvFile(readFile(filepath.Join(e.GOROOT, "go.env")))
	}
	e.GoEnv = r.goEnv(layers{userFile: userFile, user: user, goroot: goroot}, e.GOROOT)
	e.Hosts = hostsOf(readFile(r.Hosts), e)
	return e
}

// getenv returns an environment variable, or the empty string.
func (r Reader) getenv(name string) string {
	for i := len(r.Env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(r.Env[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// matching returns the variables that are set and whose name is wanted.
func (r Reader) matching(want func(string) bool) map[string]string {
	m := map[string]string{}
	for _, kv := range r.Env {
		if name, value, ok := strings.Cut(kv, "="); ok && want(name) {
			m[name] = value
		}
	}
	return m
}

// isProxy reports whether a variable is one of the *_PROXY family that Go,
// curl and git look at, in either case. GOPROXY and GONOPROXY are not of it.
func isProxy(name string) bool {
	switch strings.ToUpper(name) {
	case "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY", "SOCKS_PROXY":
		return true
	}
	return false
}

// isTLS reports whether a variable changes whom TLS clients trust or how they
// speak (crypto/x509/root_unix.go, GODEBUG, git's and curl's own).
func isTLS(name string) bool {
	switch name {
	case "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "GODEBUG", "CURL_CA_BUNDLE":
		return true
	}
	return strings.HasPrefix(name, "GIT_SSL_")
}
