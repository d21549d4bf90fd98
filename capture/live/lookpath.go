//go:build linux

package live

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

// defaultPath is what execvp(3) searches where PATH is unset (confstr _CS_PATH).
const defaultPath = "/bin:/usr/bin"

// candidates returns the paths that execvp(3) would try for a command.
func candidates(name string, env []string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	list, ok := getenv(env, "PATH")
	if !ok {
		list = defaultPath
	}
	var paths []string
	for _, dir := range strings.Split(list, ":") {
		if dir == "" {
			dir = "." // an empty element is the working directory
		}
		paths = append(paths, dir+"/"+name)
	}
	return paths
}

// runnable returns the candidates that exist, and the first of them that user u
// may execute, as an absolute path; empty if there is none. What the user may
// do is asked of the kernel.
func runnable(u invoker.User, dir string, paths []string) (found []string, first string, err error) {
	err = u.Do(func() {
		for _, p := range paths {
			abs := absolute(dir, p)
			var st unix.Stat_t
			serr := unix.Stat(abs, &st)
			if errors.Is(serr, unix.ENOENT) || errors.Is(serr, unix.ENOTDIR) {
				continue
			}
			found = append(found, p)
			if first == "" && serr == nil && mayExecute(abs, st) {
				first = abs
			}
		}
	})
	return found, first, err
}

// mayExecute asks the kernel as the calling thread's file-system user.
func mayExecute(path string, st unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
}

// absolute returns a path as seen from dir.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// notFound explains that a command is in no directory of PATH.
func notFound(name string, env []string) *StartError {
	e := &StartError{Err: fmt.Errorf("command not found: %s", name), Code: exitNotFound}
	if strings.Contains(name, "/") {
		e.Hints = []string{"ls -l " + quote(name)}
		return e
	}
	path, _ := getenv(env, "PATH")
	e.Hints = []string{fmt.Sprintf("%s is in none of the %d directories of PATH; give its full path", quote(name), len(filepath.SplitList(path)))}
	return e
}

// notExecutable explains that the command exists and may not be run.
func notExecutable(path string, err error) *StartError {
	return &StartError{
		Err:   fmt.Errorf("command not executable: %s: %w", path, err),
		Hints: []string{"ls -ld " + quote(path)},
		Code:  exitNotExecutable,
	}
}

// getenv returns a variable of an environment; the last one wins.
func getenv(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// unset returns a copy of an environment without a variable. Of two that have
// the same name getenv(3) takes the first and a shell the last: a variable is
// replaced, never added a second time.
func unset(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
}
