package report

import (
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// environment masks the settings, each by its own syntax.
func (r *redactor) environment(e *trace.Environment) {
	if e == nil {
		return
	}
	for name, s := range e.GoEnv {
		s.Value, s.Shadows = r.setting(name, s.Value), r.setting(name, s.Shadows)
		e.GoEnv[name] = s
	}
	for _, m := range []map[string]string{e.Proxy, e.TLS} {
		for name, value := range m {
			m[name] = r.setting(name, value)
		}
	}
}

// setting masks the value of a variable of the environment or of go env.
func (r *redactor) setting(name, value string) string {
	upper := strings.ToUpper(name)
	switch {
	case value == "":
		return value
	case upper == "NO_PROXY":
		return r.text(value)
	case upper == "GOPROXY":
		return r.proxyList(value)
	case strings.HasSuffix(upper, "_PROXY"):
		return r.proxy(value)
	case upper == "GOSUMDB":
		return r.sumDB(value)
	case upper == "GOAUTH":
		return r.goAuth(value)
	case upper == "GOFLAGS":
		return r.script(value, 0)
	case secretName(name):
		r.note(value)
		return Mask
	case strings.Contains(value, "://"):
		return r.text(r.entry(value))
	}
	return r.text(value)
}

// proxy masks the address of an HTTP or SOCKS proxy. It has no path, so that
// the last @ ends the userinfo whatever stands before it.
func (r *redactor) proxy(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return r.text(s)
	}
	start := afterScheme(s)
	if start > at {
		start = 0
	}
	if s[start:at] == placeholder {
		return s
	}
	r.login(s[start:at], false)
	return s[:start] + Mask + s[at:]
}

// entry masks the userinfo of one URL as goproxy.Mask does, and also where a
// password like 1/x makes user:1 look like host:port.
func (r *redactor) entry(s string) string {
	if strings.Count(s, "@") > 1 || strings.Contains(s, "://") && afterScheme(s) == 0 {
		return r.proxy(s) // @ or :// is a part of the password
	}
	if masked := goproxy.Mask(s); masked != s {
		if strings.Contains(s, placeholder+"@") {
			return s
		}
		return r.cut(s, masked)
	}
	if authority := authorityOf(s); strings.Contains(s[afterScheme(s):], "@") && !hostLike(authority) {
		return r.proxy(s)
	}
	return s
}

// proxyList masks a GOPROXY value entry by entry. The go command splits the
// list before it looks at URLs, so that a comma in a password leaves its
// first half in an entry of its own.
func (r *redactor) proxyList(value string) string {
	var out []string
	entries, separators := splitList(value)
	for i, e := range entries {
		if i > 0 && strings.Contains(e, "@") && !strings.Contains(e, "://") && brokenOff(entries[i-1]) {
			n := afterScheme(entries[i-1])
			r.login(entries[i-1][n:]+separators[i-1]+e[:strings.LastIndexByte(e, '@')], false)
			r.login(entries[i-1][n:], false)
			out[2*(i-1)] = entries[i-1][:n] + Mask
		}
		out = append(out, r.text(r.entry(e)), separators[i])
	}
	return strings.Join(out, "")
}

// splitList splits at "," and "|"; separators[i] follows entries[i] and the
// last one is empty.
func splitList(value string) (entries, separators []string) {
	for {
		i := strings.IndexAny(value, ",|")
		if i < 0 {
			return append(entries, value), append(separators, "")
		}
		entries, separators = append(entries, value[:i]), append(separators, value[i:i+1])
		value = value[i+1:]
	}
}

// brokenOff tells the first half of user:password from an entry.
func brokenOff(entry string) bool {
	return strings.Contains(entry, ":") && !strings.Contains(entry, "@") && !hostLike(authorityOf(entry))
}

// sumDB masks the URL of GOSUMDB, which follows the database's name and key.
func (r *redactor) sumDB(s string) string {
	name, url, ok := strings.Cut(s, " ")
	if !ok || strings.ContainsAny(name, "@") {
		return r.text(r.entry(s))
	}
	return name + " " + r.text(r.entry(url))
}

// goAuth keeps the names of the commands of GOAUTH ("go help goauth"): their
// arguments are for them to understand.
func (r *redactor) goAuth(s string) string {
	var out []string
	for command := range strings.SplitSeq(s, ";") {
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		name := r.script(words[0], 0)
		if len(words) > 1 {
			r.goAuthArguments(words)
			name += " " + Mask
		}
		out = append(out, name)
	}
	return strings.Join(out, "; ")
}

// goAuthArguments notes the arguments of a command, but the directory of
// "git DIR" and other paths, which are no secrets.
func (r *redactor) goAuthArguments(words []string) {
	r.argv(words)
	for _, w := range words[1:] {
		if name, value, ok := strings.Cut(w, "="); ok && strings.HasPrefix(name, "-") {
			w = value
		}
		if w != "" && !strings.ContainsAny(w[:1], "-/.~") {
			r.remember(w, true)
		}
	}
}

// afterScheme is where what follows "scheme://" begins, or 0.
func afterScheme(s string) int {
	if i := strings.Index(s, "://"); i >= 0 && !strings.ContainsAny(s[:i], ":@") {
		return i + len("://")
	}
	return 0
}

func authorityOf(s string) string {
	s = s[afterScheme(s):]
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		s = s[:i]
	}
	return s
}

// hostLike reports whether a is a host with at most a number after it, rather
// than the beginning of user:password.
func hostLike(a string) bool {
	if strings.HasPrefix(a, "[") {
		return true
	}
	host, port, _ := strings.Cut(a, ":")
	return (strings.Contains(host, ".") || host == "localhost") && strings.Trim(port, "0123456789") == ""
}
