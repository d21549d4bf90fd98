package report

import "strings"

// The ways in which a command line carries a secret. What they mask is masked
// in every command line, however short it is.

func (l *commandLine) secret(s string) string {
	switch s {
	case "", "true", "false":
		return s
	}
	l.r.remember(s, true)
	return Mask
}

// login is user:password, or a user alone, who may be a token.
func (l *commandLine) login(s string) string {
	l.r.login(s, true)
	return Mask
}

// loginPair is login where the option may mean something else: docker's user
// and group are numbers, pip's --user is a switch.
func (l *commandLine) loginPair(s string) string {
	_, password, ok := strings.Cut(s, ":")
	if !ok || strings.HasPrefix(password, "//") || strings.Trim(s, "0123456789:") == "" {
		return l.argument(s)
	}
	return l.login(s)
}

// header is "Name: value"; curl reads @FILE.
func (l *commandLine) header(s string) string {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return s
	}
	blank := value[:len(value)-len(strings.TrimLeft(value, " \t"))]
	value = value[len(blank):]
	masked := l.r.header(strings.TrimSpace(name), value)
	if masked != value {
		secret := value
		if scheme, rest, ok := strings.Cut(value, " "); ok && knownScheme(scheme) {
			secret = rest
		}
		l.r.remember(secret, true)
	}
	return name + ":" + blank + masked
}

// cookie is name=value; without = it is the name of a file.
func (l *commandLine) cookie(s string) string {
	if !strings.Contains(s, "=") {
		return s
	}
	l.r.cookies(s)
	l.r.remember(s, true)
	return Mask
}

// body is what is sent; curl reads @FILE.
func (l *commandLine) body(s string) string {
	if strings.HasPrefix(s, "@") || s == "" {
		return s
	}
	l.r.remember(s, true)
	for pair := range strings.SplitSeq(s, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok && secretName(name) {
			l.r.remember(value, true)
		}
	}
	return Mask
}

// certificate is FILE:PASSWORD.
func (l *commandLine) certificate(s string) string {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s
	}
	return s[:i+1] + l.secret(s[i+1:])
}

// shellWord is one word of a script, without its quotes, and where it stands
// there. One that ends a command has no text.
type shellWord struct {
	text       string
	start, end int
	ends       bool
}

// shellWords splits a script into words as a shell does, as far as that can be
// done without running it.
func shellWords(s string) []shellWord {
	var list []shellWord
	var text []byte
	var quote byte
	start := -1 // of the present word
	end := func(i int) {
		if start >= 0 {
			list = append(list, shellWord{text: string(text), start: start, end: i})
		}
		text, start = text[:0], -1
	}
	for i := range len(s) {
		c := s[i]
		blank := quote == 0 && strings.IndexByte(" \t\r", c) >= 0
		separator := quote == 0 && strings.IndexByte(";|&\n()`", c) >= 0
		if blank || separator {
			end(i)
			if separator {
				list = append(list, shellWord{start: i, end: i + 1, ends: true})
			}
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		default:
			text = append(text, c)
		}
	}
	end(len(s))
	return list
}
