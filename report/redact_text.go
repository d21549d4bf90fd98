package report

import (
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
)

// longestWord is the length up to which the value of a parameter of a redirect
// target is taken for a word; what is longer and looks random is a signature.
const longestWord = 16

// text masks userinfo and secret parameters of URLs, and credentials that
// follow the name of their scheme, anywhere in s.
func (r *redactor) text(s string) string {
	if plainText(s) {
		return s
	}
	if strings.Contains(s, "@") && strings.Contains(s, "://") {
		s = r.userinfos(s)
	}
	s = parameters(s, func(name, value string) bool {
		return secretParameter(name) && r.keep(value)
	})
	if mayHoldScheme(s) {
		s = replace(r.scheme, s, func(before, secret string) string {
			if !looksRandom(secret) {
				return before + secret
			}
			r.note(secret)
			return before + Mask
		})
	}
	return s
}

// plainText reports whether s can hold no secret that [redactor.text] knows: no
// userinfo, no parameter, and no two words. So are most strings of a trace.
func plainText(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '@', '=', ' ', '\t':
			return false
		}
	}
	return true
}

// userinfos masks the userinfo of each URL in s: up to the last @ before the
// path (RFC 3986, section 3.2), or what only the shape of a wrong authority
// shows.
func (r *redactor) userinfos(s string) string {
	const mark = "://"
	var b strings.Builder
	done, from := 0, 0 // b holds s up to done
	for {
		i := strings.Index(s[from:], mark)
		if i < 0 {
			return joined(&b, s, done)
		}
		from += i + len(mark)
		token := until(s[from:], " \t\n\v\f\r\"'<>|")
		at := strings.LastIndexByte(until(token, "/?#"), '@')
		if at < 0 {
			token = until(token, ",")
			whole := s[from-len(mark):][:len(mark)+len(token)]
			if masked := goproxy.Mask(whole); masked != whole {
				at = len(whole) - len(masked) + len(Mask)
			}
		}
		if at >= 0 && token[:at] != placeholder && token[:at] != gitUser {
			r.login(token[:at], false)
			b.WriteString(s[done:from])
			b.WriteString(Mask)
			from += at
			done = from
		}
	}
}

// joined is what b holds of s up to done, and the rest of s.
func joined(b *strings.Builder, s string, done int) string {
	if b.Len() == 0 {
		return s
	}
	return b.String() + s[done:]
}

// until is s up to the first of the bytes in stops.
func until(s, stops string) string {
	if i := strings.IndexAny(s, stops); i >= 0 {
		return s[:i]
	}
	return s
}

// parameters masks the values of the URL parameters for which secret reports
// true.
func parameters(s string, secret func(name, value string) bool) string {
	if !strings.Contains(s, "=") {
		return s
	}
	var b strings.Builder
	done, from := 0, 0 // b holds s up to done
	for {
		i := strings.IndexAny(s[from:], "?&;")
		if i < 0 {
			return joined(&b, s, done)
		}
		from += i + 1
		name, rest, ok := strings.Cut(until(s[from:], "&;# \t\n\v\f\r\"'<>|"), "=")
		value := until(rest, ",")
		if ok && value != "" && secret(name, value) {
			b.WriteString(s[done:from] + name + "=" + Mask)
			from += len(name) + 1 + len(value)
			done = from
		}
	}
}

// secretParameter tells the parameters that are secret whatever their value.
func secretParameter(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{
		"token", "secret", "sig", "password", "passwd", "pwd", "credential", "key", "auth", "session", "code", "jwt", "private",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// keep notes a secret; it is always true.
func (r *redactor) keep(secret string) bool {
	r.note(secret)
	return true
}

// cut notes what goproxy.Mask took out of a URL and returns the masked one.
func (r *redactor) cut(raw, masked string) string {
	if raw == masked {
		return masked
	}
	at := strings.Index(masked, Mask+"@")
	if after := len(masked) - at - len(Mask); at >= 0 && at+after <= len(raw) {
		r.login(raw[at:len(raw)-after], false)
	}
	return masked
}

// replace replaces each match of a pattern with two groups.
func replace(pattern *regexp.Regexp, s string, f func(before, secret string) string) string {
	matches := pattern.FindAllStringSubmatchIndex(s, -1)
	if matches == nil {
		return s
	}
	var b strings.Builder
	end := 0
	for _, m := range matches {
		b.WriteString(s[end:m[0]])
		b.WriteString(f(s[m[2]:m[3]], s[m[4]:m[5]]))
		end = m[1]
	}
	return b.String() + s[end:]
}

// mayHoldScheme is a quick test for the end of the name of an authentication
// scheme before a blank: most strings of a trace have none.
func mayHoldScheme(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			switch s[i-1] | 0x20 {
			case 'r', 'c', 'e', 'm', 'n': // bearer, basic, negotiate, ntlm, token
				return true
			}
		}
	}
	return false
}

// target masks, in a URL that a redirect led to, every parameter whose value
// is long and looks random: storage services sign their URLs under many names.
func (r *redactor) target(s string) string {
	return parameters(s, func(_, value string) bool {
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		return len(plain) > longestWord && looksRandom(plain) && !semver.IsValid(plain) && !r.public()[plain] && r.keep(value)
	})
}

// looksRandom keeps words of a sentence ("basic authentication") from being
// taken for a credential.
func looksRandom(s string) bool {
	return s != "" && (strings.ContainsAny(s, "0123456789=") || strings.ToLower(s[1:]) != s[1:])
}
