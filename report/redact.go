package report

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/mod/semver"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Mask stands where a secret was.
const Mask = "***"

// placeholder is the userinfo that our own advice writes for the reader to fill in.
const placeholder = "USER:PASSWORD"

// gitUser is the account by which git hosts are reached over ssh: a name that
// all share, and no secret.
const gitUser = "git"

// argvField is the field of package trace that holds a command line.
const argvField = "Argv"

// Redact returns a copy of the trace without secrets: credentials in headers,
// URLs, settings and arguments are replaced by [Mask], and so is every other
// place where one of the same secrets stands again.
func Redact(t *trace.Trace) *trace.Trace {
	c := complete(t)
	redact(c, t)
	return c
}

// redact masks the secrets of a copy of the trace original.
func redact(t, original *trace.Trace) {
	r := newRedactor()
	r.public = sync.OnceValue(func() map[string]bool { return public(original) })
	r.environment(t.Environment)
	r.commands(t)
	r.requests(t)
	edit(t, func(_, s string) string { return r.text(s) })
	if len(r.found) > 0 {
		edit(t, r.echoes().replace)
	}
}

// redactor masks secrets and remembers them.
type redactor struct {
	// found are the secrets; the value is set for those that are masked in
	// command lines however short they are.
	found map[string]bool
	// public returns the names that the report is about: never an echo of a
	// secret. They are collected for the first secret: most traces have none.
	public func() map[string]bool
	// scheme is a credential in running text, in two groups: the name of its
	// scheme, and the secret.
	scheme *regexp.Regexp
	// realm is the one parameter of a challenge that is shown.
	realm *regexp.Regexp
}

func newRedactor() *redactor {
	return &redactor{
		found:  map[string]bool{},
		public: func() map[string]bool { return nil },
		scheme: regexp.MustCompile(`(?i)\b((?:bearer|basic|negotiate|ntlm|token)\s+)([A-Za-z0-9+/._~=-]{8,})`),
		realm:  regexp.MustCompile(`(?i)^(?:([a-z][a-z0-9-]*)\s+)?(realm\s*=\s*(?:"[^"]*"|[^\s",]+))$`),
	}
}

// public collects the names that a trace is about. A secret that equals one
// of them is masked where it stands, but does not take the name away.
func public(t *trace.Trace) map[string]bool {
	names := map[string]bool{}
	host := func(name string) {
		// Without a dot it may be a piece of a password that a broken URL
		// made into a host.
		if strings.Contains(name, ".") {
			names[name] = true
		}
	}
	for _, l := range t.Lookups {
		host(l.Name)
	}
	for _, c := range t.Connections {
		for _, l := range c.TLS {
			host(l.ServerName)
		}
	}
	for _, r := range t.Requests {
		names[r.Module], names[r.Version], names[r.Purpose] = true, true, true
	}
	for _, f := range t.Fetches {
		names[f.Module], names[f.Version] = true, true
	}
	return names
}

// note remembers a secret and the ways in which it may be written.
func (r *redactor) note(s string) { r.remember(s, false) }

// remember is note; everyLength is for secrets that are to be masked in
// command lines however short they are.
func (r *redactor) remember(s string, everyLength bool) {
	if s == "" || s == Mask || s == placeholder || semver.IsValid(s) || r.public()[s] {
		return
	}
	for _, form := range forms(s) {
		if form != "" && form != Mask {
			r.found[form] = r.found[form] || everyLength
		}
	}
}

// forms lists the ways in which a secret is written: as it is, escaped and
// unescaped for a URL, and inside quotes of the shell.
func forms(s string) []string {
	list := []string{s}
	if strings.Contains(s, "%") {
		if u, err := url.PathUnescape(s); err == nil {
			list = append(list, u, url.QueryEscape(u), url.PathEscape(u))
		}
	}
	if plainWord(s) {
		return list
	}
	return append(list, url.QueryEscape(s), url.PathEscape(s),
		strings.TrimPrefix(url.UserPassword("", s).String(), ":"),
		strings.ReplaceAll(s, "'", `'\''`))
}

// plainWord reports whether no way of escaping changes s.
func plainWord(s string) bool {
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return true
}

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// login notes user:password: as it stands, the password alone, and the form
// in which HTTP carries it (RFC 7617, section 2).
func (r *redactor) login(s string, everyLength bool) {
	if s == placeholder || s == Mask {
		return
	}
	r.remember(s, everyLength)
	user, password, ok := strings.Cut(s, ":")
	if !ok {
		return
	}
	r.remember(password, everyLength)
	if u, err := url.PathUnescape(s); err == nil {
		r.note(base64.StdEncoding.EncodeToString([]byte(u)))
	}
	r.note(base64.StdEncoding.EncodeToString([]byte(s)))
	if len(user) > longestWord && looksRandom(user) {
		r.remember(user, everyLength) // a token in the place of the name
	}
	// An unescaped / ? # makes programs take a part for the host or the path.
	for _, part := range strings.FieldsFunc(password, func(c rune) bool { return strings.ContainsRune("/?#@", c) }) {
		r.note(part)
	}
}
