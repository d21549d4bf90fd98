//go:build linux

package invoker

import "strings"

// request is what a sudo command line says about the environment.
type request struct {
	set   []string // NAME=value, in order
	unset []string // names, of env -u
	clear bool     // env -i
}

// Options that take an argument, by sudo(8) 1.9 and env(1) of coreutils.
const (
	sudoShort = "aCcDghpRrTtUu"
	envShort  = "uCS"
)

// parseSudo reads a sudo command line with its program name in front.
func parseSudo(args []string) request {
	var r request
	if len(args) == 0 {
		return r
	}
	args = args[1:]
	for len(args) > 0 {
		word := args[0]
		switch {
		case word == "--": // sudo takes no NAME=value behind it
			return parseCommand(r, args[1:])
		case isOption(word):
			args = args[min(len(args), optionWords(word, sudoShort, sudoLong)):]
		case assignment(word):
			r.set = append(r.set, word)
			args = args[1:]
		default:
			return parseCommand(r, args)
		}
	}
	return r
}

// parseCommand reads the command that sudo was given; of interest only if it
// is env, which may again stand in front of env.
func parseCommand(r request, args []string) request {
	for len(args) > 0 && isEnv(args[0]) {
		r, args = parseEnv(r, args[1:])
	}
	return r
}

// parseEnv reads the arguments of env(1) and returns the command behind them.
func parseEnv(r request, args []string) (request, []string) {
	for len(args) > 0 {
		word := args[0]
		switch {
		case word == "--":
			args = args[1:]
		case word == "-" || word == "-i" || word == "--ignore-environment":
			r = request{clear: true}
			args = args[1:]
		case isOption(word):
			if name, ok := unsetName(args); ok {
				r.unset = append(r.unset, name)
			}
			args = args[min(len(args), optionWords(word, envShort, envLong)):]
		case assignment(word):
			r.set = append(r.set, word)
			args = args[1:]
		default:
			return r, args
		}
	}
	return r, nil
}

// unsetName returns the name after env's -u, -uNAME, --unset=NAME or --unset NAME.
func unsetName(args []string) (string, bool) {
	if name, ok := strings.CutPrefix(args[0], "--unset="); ok {
		return name, name != ""
	}
	if args[0] == "--unset" || args[0] == "-u" {
		if len(args) < 2 {
			return "", false
		}
		return args[1], args[1] != ""
	}
	return strings.CutPrefix(args[0], "-u")
}

// isOption reports whether a word is one or more options.
func isOption(word string) bool { return len(word) > 1 && word[0] == '-' }

// optionWords returns how many words an option takes, itself included. short
// lists the letters that take an argument, long tells it of a long name.
func optionWords(word, short string, long func(string) bool) int {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		if long(name) {
			return 2
		}
		return 1
	}
	// A letter that takes an argument takes the rest of its word, or the next.
	if i := strings.IndexAny(word[1:], short); i >= 0 && i == len(word)-2 {
		return 2
	}
	return 1
}

// sudoLong reports whether a long option of sudo takes the next word.
// "NAME=value" is one word and so never does.
func sudoLong(name string) bool {
	switch name {
	case "auth-type", "close-from", "login-class", "chdir", "group", "host", "prompt",
		"chroot", "role", "command-timeout", "type", "other-user", "user":
		return true
	}
	return false
}

// envLong is sudoLong of env(1).
func envLong(name string) bool { return name == "unset" || name == "chdir" || name == "split-string" }
