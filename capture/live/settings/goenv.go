//go:build linux

package settings

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/gopx-trace/gopx-trace/capture"
)

// layers are the files a setting may stand in.
type layers struct {
	userFile     string // its name, for the origin
	user, goroot map[string]string
}

// names are the settings of the go command that decide where modules come
// from. GOENV and GODEBUG are not among them: they are read from the
// environment only.
func names() []string {
	return []string{
		"GO111MODULE", "GOAUTH", "GOFLAGS", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB",
		"GOPATH", "GOPRIVATE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOVCS", "GOWORK",
	}
}

// goEnv returns every setting that has a value.
func (r Reader) goEnv(l layers, goroot string) map[string]capture.Setting {
	m := map[string]capture.Setting{}
	for _, name := range names() {
		if s := r.setting(l, name); s.Value != "" {
			m[name] = s
		}
	}
	for name, value := range r.defaults(m, goroot) {
		if _, ok := m[name]; !ok && value != "" {
			m[name] = capture.Setting{Value: value, Origin: fromDefault}
		}
	}
	if s := r.goenvSetting(); s.Value != "" {
		m["GOENV"] = s
	}
	return m
}

// setting looks a name up in the environment and the files. An empty value in
// the environment counts as unset; one in the user's file hides go.env.
func (r Reader) setting(l layers, name string) capture.Setting {
	if v := r.getenv(name); v != "" {
		s := capture.Setting{Value: v, Origin: fromEnvironment}
		if stored := l.user[name]; stored != v {
			s.Shadows = stored
		}
		return s
	}
	if v, ok := l.user[name]; ok {
		return capture.Setting{Value: v, Origin: "go env -w: " + l.userFile}
	}
	return capture.Setting{Value: l.goroot[name], Origin: fromGOROOT}
}

// defaults returns the built-in values given those that are set.
func (r Reader) defaults(set map[string]capture.Setting, goroot string) map[string]string {
	d := map[string]string{
		"GOAUTH":    "netrc",
		"GONOPROXY": set["GOPRIVATE"].Value,
		"GONOSUMDB": set["GOPRIVATE"].Value,
		"GOPATH":    r.defaultGOPATH(goroot),
	}
	gopath := set["GOPATH"].Value
	if gopath == "" {
		gopath = d["GOPATH"]
	}
	if first := firstOf(gopath); first != "" {
		d["GOMODCACHE"] = filepath.Join(first, "pkg", "mod")
	}
	return d
}

// defaultGOPATH is $HOME/go, unless that is GOROOT (go/build.defaultGOPATH).
func (r Reader) defaultGOPATH(goroot string) string {
	home := r.getenv("HOME")
	if home == "" {
		return ""
	}
	def := filepath.Join(home, "go")
	if goroot != "" && filepath.Clean(def) == filepath.Clean(goroot) {
		return ""
	}
	return def
}

// firstOf returns the first element of a path list.
func firstOf(list string) string {
	if l := filepath.SplitList(list); len(l) > 0 {
		return l[0]
	}
	return ""
}

// goenvSetting is the name of the user's file, "off", or nothing.
func (r Reader) goenvSetting() capture.Setting {
	if v := r.getenv("GOENV"); v != "" {
		return capture.Setting{Value: v, Origin: fromEnvironment}
	}
	return capture.Setting{Value: r.defaultUserFile(), Origin: fromDefault}
}

// userFile returns the name and the content of the file that `go env -w` writes.
func (r Reader) userFile() (string, map[string]string) {
	name := r.goenvSetting().Value
	if name == "" || name == "off" {
		return "", nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.Dir, name)
	}
	return name, parseEnvFile(readFile(name))
}

// defaultUserFile is os.UserConfigDir()/go/env for the command's environment.
func (r Reader) defaultUserFile() string {
	dir := r.getenv("XDG_CONFIG_HOME")
	if dir == "" && r.getenv("HOME") != "" {
		dir = filepath.Join(r.getenv("HOME"), ".config")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "go", "env")
}

// goroot is what the user's file says, or $GOROOT, or the tree that the go
// command lies in (cmd/go/internal/cfg.findGOROOT).
func (r Reader) goroot(user map[string]string) string {
	if v := user["GOROOT"]; v != "" {
		return filepath.Clean(v)
	}
	if v := r.getenv("GOROOT"); v != "" {
		return filepath.Clean(v)
	}
	if r.Go == "" {
		return ""
	}
	exe, err := filepath.EvalSymlinks(r.Go) // as os.Executable does on Linux
	if err != nil {
		return ""
	}
	// bin/go, or bin/GOOS_GOARCH/go of a cross-compiled tree.
	for _, dir := range []string{filepath.Join(exe, "../.."), filepath.Join(exe, "../../..")} {
		if fi, err := os.Stat(filepath.Join(dir, "pkg", "tool")); err == nil && fi.IsDir() {
			return dir
		}
	}
	return ""
}

// parseEnvFile reads a go/env file: NAME=value lines; what does not begin with
// an upper-case letter is no setting. The last line of a name wins.
func parseEnvFile(b []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || name[0] < 'A' || 'Z' < name[0] {
			continue
		}
		m[name] = value
	}
	return m
}
