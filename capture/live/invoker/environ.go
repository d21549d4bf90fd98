//go:build linux

package invoker

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// Recover returns the environment that the user of a sudo process had, with
// what was asked for explicitly on top:
//
//   - environ is sudo's own environment (/proc/PID/environ), the base;
//   - ours is the environment that sudo gave us: its variables win where they
//     are new or differ, because then somebody between sudo and us set them,
//     unless they are among those that sudo itself or pam_env sets
//     (pam holds /etc/environment);
//   - cmdline is sudo's command line (/proc/PID/cmdline): `sudo NAME=value`
//     and `sudo env NAME=value` win over everything, whatever the name.
func Recover(environ, cmdline, pam []byte, ours []string) []string {
	asked := parseSudo(splitNUL(cmdline))
	if asked.clear {
		return asked.set
	}
	base := splitEnviron(environ)
	fromPAM := parseEnvironment(pam)
	for _, kv := range ours {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || sudoSets(name) || slices.Contains(fromPAM, kv) {
			continue
		}
		if old, found := lookup(base, name); !found || old != value {
			base = set(base, kv)
		}
	}
	for _, kv := range asked.set {
		base = set(base, kv)
	}
	for _, name := range asked.unset {
		base = unset(base, name)
	}
	return base
}

// sudoSets reports whether sudo sets the variable for the command, or a shell
// between sudo and us does of its own accord.
func sudoSets(name string) bool {
	switch name {
	case "PATH", "HOME", "USER", "LOGNAME", "USERNAME", "SHELL", "MAIL", "TERM", "_", "SHLVL":
		return true
	}
	return strings.HasPrefix(name, "SUDO_")
}

// splitNUL splits NUL-terminated strings as in /proc/PID/cmdline.
func splitNUL(b []byte) []string {
	b = bytes.TrimSuffix(b, []byte{0})
	if len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\x00")
}

// splitEnviron is splitNUL without what is no NAME=value: a process may write
// over its own environment (setproctitle), which leaves scraps.
func splitEnviron(b []byte) []string {
	return slices.DeleteFunc(splitNUL(b), func(kv string) bool { return strings.IndexByte(kv, '=') < 1 })
}

// parseEnvironment reads /etc/environment as pam_env(7) does: NAME=value lines,
// an "export " in front and quotes around the value are dropped.
func parseEnvironment(b []byte) []string {
	var env []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		line = strings.TrimPrefix(line, "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || name[0] == '#' {
			continue
		}
		env = append(env, name+"="+unquote(value))
	}
	return env
}

// unquote drops one pair of quotes.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// lookup returns the value of a variable; the last one wins, as in a shell.
func lookup(env []string, name string) (string, bool) {
	for _, kv := range slices.Backward(env) {
		if n, v, ok := strings.Cut(kv, "="); ok && n == name {
			return v, true
		}
	}
	return "", false
}

// set replaces the variable that kv names, or adds it.
func set(env []string, kv string) []string {
	name, _, _ := strings.Cut(kv, "=")
	return append(unset(env, name), kv)
}

// unset removes a variable.
func unset(env []string, name string) []string {
	return slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
}

// assignment reports whether a command-line word is NAME=value as sudo and env
// understand it.
func assignment(word string) bool {
	return strings.IndexByte(word, '=') > 0 && word[0] != '-' && word[0] != '/'
}

// isEnv reports whether a command is env(1).
func isEnv(command string) bool { return path.Base(command) == "env" }
