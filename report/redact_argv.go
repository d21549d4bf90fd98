package report

import (
	"path"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// deepestNesting bounds scripts within arguments, and a=b=c within both.
const deepestNesting = 8

// commands masks the command lines.
func (r *redactor) commands(t *trace.Trace) {
	if t.Command != nil {
		t.Command.Argv = r.argv(t.Command.Argv)
	}
	for _, p := range t.Processes {
		p.Argv = r.argv(p.Argv)
	}
}

// argv returns a command line with its secrets masked.
func (r *redactor) argv(list []string) []string {
	l := commandLine{r: r}
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = l.argument(a)
	}
	return out
}

// script masks the secrets of a line that a shell, or the go command in
// GOFLAGS, splits into words.
func (r *redactor) script(s string, depth int) string {
	l := commandLine{r: r, depth: depth}
	var b strings.Builder
	done := 0
	for _, w := range shellWords(s) {
		if w.ends {
			l = commandLine{r: r, depth: depth}
			continue
		}
		if masked := l.argument(w.text); masked != w.text {
			start, end := w.start, w.end
			if end-start == len(w.text)+2 && s[start+1:end-1] == w.text {
				start, end = start+1, end-1 // keep the quotes
			}
			b.WriteString(s[done:start] + masked)
			done = end
		}
	}
	return r.text(b.String() + s[done:])
}

// commandLine reads one command from left to right.
type commandLine struct {
	r *redactor
	// program is curl, wget, go or git as soon as its name was read (env and
	// sudo stand before it): -u is a password only for curl.
	program string
	// pending masks the value of the option before, if that takes one.
	pending func(string) string
	// depth counts the scripts and assignments around the present argument.
	depth int
}

func (l *commandLine) argument(a string) string {
	if mask := l.pending; mask != nil {
		l.pending = nil
		// A program that is not known may have meant a switch.
		if l.program == "curl" || !strings.HasPrefix(a, "--") {
			return mask(a)
		}
	}
	if l.program == "" {
		switch name := path.Base(a); name {
		case "curl", "wget", "go", "git":
			l.program = name
		}
	}
	if len(a) > 1 && a[0] == '-' {
		return l.option(a)
	}
	return l.operand(a)
}

func (l *commandLine) option(a string) string {
	if l.program == "curl" && a[1] != '-' {
		return l.cluster(a)
	}
	name, value, ok := strings.Cut(a, "=")
	if strings.ContainsAny(name, " \t\n") {
		return l.operand(a) // options in one argument: -ldflags="-X a=b -s"
	}
	mask := l.valueOf(strings.TrimLeft(name, "-"))
	switch {
	case mask != nil && ok:
		return name + "=" + mask(value)
	case mask != nil:
		l.pending = mask
		return a
	case ok:
		return name + "=" + l.inner(value)
	}
	return l.operand(a)
}

// cluster reads the one-letter options of curl: -sSu bob:password, -ubob:password.
func (l *commandLine) cluster(a string) string {
	const takeValue = "AbcCdDeEFHKmoPQrtTuUwxXyYz"
	for i := 1; i < len(a); i++ {
		if !strings.Contains(takeValue, a[i:i+1]) {
			continue
		}
		mask := l.curlLetter(a[i])
		if i+1 == len(a) {
			l.pending = mask
			return a
		}
		return a[:i+1] + mask(a[i+1:])
	}
	return a
}

func (l *commandLine) curlLetter(c byte) func(string) string {
	switch c {
	case 'u', 'U':
		return l.login
	case 'b':
		return l.cookie
	case 'H':
		return l.header
	case 'd', 'F':
		return l.body
	case 'E':
		return l.certificate
	case 'x':
		return l.r.proxy
	}
	return l.operand
}

// valueOf returns what masks the value of an option, or nil for one that is
// no secret.
func (l *commandLine) valueOf(name string) func(string) string {
	fetcher := l.program == "curl" || l.program == "wget"
	switch {
	case l.program == "go" || l.program == "git":
		// Their own options of these names are no secrets.
	case name == "header" || name == "proxy-header" || name == "H":
		return l.header
	case name == "user" || name == "proxy-user" || name == "http-user" || name == "ftp-user" || name == "tlsuser" || name == "u":
		if name != "u" && fetcher {
			return l.login
		}
		return l.loginPair
	}
	switch name {
	case "cookie":
		return l.cookie
	case "proxy", "preproxy", "socks4", "socks4a", "socks5", "socks5-hostname":
		return l.r.proxy
	case "cert", "proxy-cert":
		if fetcher {
			return l.certificate
		}
	case "data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "json", "form", "form-string", "url-query", "post-data", "body-data":
		if fetcher {
			return l.body
		}
	}
	if len(name) > 2 && secretName(name) {
		return l.secret
	}
	return nil
}

// operand masks an argument, or the value of an option that is not known.
func (l *commandLine) operand(a string) string {
	name, value, ok := strings.Cut(a, "=")
	lower := strings.ToLower(a)
	if i := strings.Index(lower, "extraheader="); i >= 0 { // git -c http.URL.extraHeader=...
		i += len("extraheader=")
		return a[:i] + l.header(a[i:])
	}
	switch {
	case ok && variable(name) && l.depth < deepestNesting:
		return name + "=" + l.assigned(name, value)
	case ok && strings.HasSuffix(strings.ToLower(name), ".proxy"): // git -c http.URL.proxy=...
		return name + "=" + l.r.proxy(value)
	}
	if name, value, ok := strings.Cut(a, ":"); ok && fieldName(name) && secretHeader(strings.ToLower(name)) &&
		!strings.HasPrefix(value, "//") && strings.Trim(value, "0123456789") != "" {
		return l.header(a)
	}
	if strings.ContainsAny(a, " \t\n") && l.depth < deepestNesting {
		return l.r.script(a, l.depth+1)
	}
	if !loginBefore(a) || strings.Contains(a, "://"+placeholder+"@") {
		return l.r.text(a)
	}
	// Unlike a setting, the URL of an argument may have an @ in its path.
	if masked := goproxy.Mask(a); masked != a && hostLike(authorityOf(strings.Replace(masked, Mask+"@", "", 1))) {
		return l.r.text(l.r.cut(a, masked))
	}
	return l.r.text(l.r.entry(a))
}

// loginBefore tells user:password@host and scheme://... from git@host:path,
// module@version and Name <name@host>.
func loginBefore(a string) bool {
	user, _, ok := strings.Cut(a, ":")
	return ok && plainWord(strings.NewReplacer("-", "", "+", "").Replace(user))
}

// assigned masks the value of NAME=value.
func (l *commandLine) assigned(name, value string) string {
	switch upper := strings.ToUpper(name); {
	case strings.HasSuffix(upper, "PROXY"), upper == "GOSUMDB", upper == "GOAUTH", upper == "GOFLAGS":
		if strings.HasSuffix(upper, ".PROXY") {
			return l.r.proxy(value)
		}
		return l.r.setting(name, value)
	case secretName(name):
		return l.secret(value)
	}
	return l.inner(value)
}

// inner masks an argument that is a part of another one.
func (l *commandLine) inner(s string) string {
	if l.depth >= deepestNesting {
		return l.r.text(s)
	}
	return (&commandLine{r: l.r, program: l.program, depth: l.depth + 1}).argument(s)
}

// variable reports whether s is the name of a variable or of a git setting.
func variable(s string) bool {
	return s != "" && s[0] != '-' && plainWord(strings.NewReplacer("-", "", ".", "").Replace(s))
}

// fieldName reports whether s is the name of a header.
func fieldName(s string) bool {
	return s != "" && plainWord(strings.ReplaceAll(s, "-", ""))
}
