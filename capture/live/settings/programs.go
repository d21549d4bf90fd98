//go:build linux

package settings

import (
	"os"
	"path/filepath"
)

// maxPath bounds the directories of PATH that are searched.
const maxPath = 256

// programs looks for what the go command runs for version control, as os/exec
// does: in the directories of PATH, of which those that are not absolute do not
// count ([exec.ErrDot]).
func (r Reader) programs() map[string]string {
	dirs := filepath.SplitList(r.getenv("PATH"))
	found := map[string]string{}
	for _, name := range []string{"git", "ssh"} {
		found[name] = ""
		for _, dir := range dirs[:min(len(dirs), maxPath)] {
			file := filepath.Join(dir, name)
			if fi, err := os.Stat(file); filepath.IsAbs(dir) && err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
				found[name] = file
				break
			}
		}
	}
	return found
}
