//go:build linux

package settings

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

const (
	// maxUnsummed bounds the requirements that are listed.
	maxUnsummed = 16
	// maxParents bounds the way up to a go.mod.
	maxParents = 64
)

// unsummed returns the requirements of the go.mod that is in force in the
// working directory whose zip go.sum has no line for. go.mod files of
// requirements only need "/go.mod" lines, which are not looked at; a replaced
// requirement, and a workspace, have sums elsewhere.
func (r Reader) unsummed() []string {
	dir := r.Dir
	for range maxParents {
		if fi, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && fi.Mode().IsRegular() {
			break
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "vendor", "modules.txt")); err == nil {
		return nil // go takes packages from there
	}
	file, err := modfile.Parse("go.mod", readFile(filepath.Join(dir, "go.mod")), nil)
	if err != nil || !filepath.IsAbs(dir) || r.workspace(dir) {
		return nil
	}
	return withoutSum(file, readFile(filepath.Join(dir, "go.sum")))
}

// workspace reports whether a go.work file is in force.
func (r Reader) workspace(dir string) bool {
	if v := r.getenv("GOWORK"); v != "" {
		return v != "off"
	}
	for range maxParents {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return true
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return false
}

// withoutSum lists the direct requirements that a go.sum has no line for.
func withoutSum(file *modfile.File, sums []byte) []string {
	known := map[string]bool{}
	for line := range strings.Lines(string(sums)) {
		if f := strings.Fields(line); len(f) == 3 {
			known[f[0]+"@"+f[1]] = true
		}
	}
	for _, replaced := range file.Replace {
		for _, require := range file.Require {
			if require.Mod.Path == replaced.Old.Path {
				known[require.Mod.String()] = true
			}
		}
	}
	var list []string
	for _, require := range file.Require {
		if m := require.Mod.String(); !require.Indirect && !known[m] && len(list) < maxUnsummed {
			list = append(list, m)
		}
	}
	return list
}
