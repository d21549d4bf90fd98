package report

import (
	"encoding/base64"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// requests masks the headers of every request, and the URLs that redirects
// led to.
func (r *redactor) requests(t *trace.Trace) {
	for _, list := range [][]*trace.Request{t.Requests, t.Pushes} {
		for _, q := range list {
			for _, headers := range [][]trace.Header{q.Headers, q.ResponseHeaders, q.Trailers} {
				for i, h := range headers {
					headers[i].Value = r.header(h.Name, h.Value)
				}
			}
			if q.RedirectedFrom != 0 {
				q.URL = r.target(q.URL)
			}
		}
	}
}

// header masks the value of a field unless its name is known to be harmless.
func (r *redactor) header(name, value string) string {
	name = strings.ToLower(name)
	switch {
	case name == "location" || name == "content-location" || name == "refresh" || name == "referer":
		return r.text(r.target(value))
	case name == "www-authenticate" || name == "proxy-authenticate":
		return r.challenges(value)
	case name == "cookie" || name == "set-cookie" || name == "set-cookie2":
		r.cookies(value)
		return Mask
	case name == "authorization" || name == "proxy-authorization":
		return r.credentials(value)
	case harmlessHeader(name):
		return r.text(value)
	case value == "":
		return value
	case secretHeader(name):
		return r.credentials(value)
	case len(value) >= shortestEcho && looksRandom(value):
		r.note(value)
	}
	return Mask
}

// secretHeader tells whether the name of a field says that its value is a
// credential. The name is in lower case.
func secretHeader(name string) bool {
	if name == "author" || strings.HasPrefix(name, ":") {
		return false
	}
	for _, part := range []string{
		"token", "secret", "api-key", "apikey", "password", "passwd", "session", "auth", "credential",
		"cookie", "signature", "jwt", "-key", "art-api",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// credentials keeps the scheme of "Basic dXNlcjpwYXNz" and masks the rest.
func (r *redactor) credentials(s string) string {
	scheme, rest, ok := strings.Cut(s, " ")
	if !ok || !plainWord(scheme) || !knownScheme(scheme) {
		r.note(s)
		return Mask
	}
	rest = strings.TrimSpace(rest)
	r.note(rest)
	if raw, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "basic") {
		r.login(string(raw), false)
	}
	return scheme + " " + Mask
}

// knownScheme tells the name of an authentication scheme (the IANA registry,
// and those that are used without it) from the first word of a secret.
func knownScheme(s string) bool {
	switch strings.ToLower(s) {
	case "basic", "bearer", "digest", "negotiate", "ntlm", "kerberos", "token", "dpop", "hoba", "mutual",
		"oauth", "scram-sha-1", "scram-sha-256", "vapid", "apikey", "aws4-hmac-sha256", "goog4-rsa-sha256":
		return true
	}
	return false
}

// cookies notes the values of a Cookie or Set-Cookie field (RFC 6265, section 4).
func (r *redactor) cookies(s string) {
	r.note(s)
	for pair := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		switch strings.ToLower(name) {
		case "path", "domain", "expires", "max-age", "samesite":
			continue
		}
		if ok {
			r.note(strings.Trim(value, `"`))
		}
	}
}

// challenges keeps the schemes and realms of an authentication challenge (RFC
// 9110, section 11.6.1); Negotiate and NTLM carry tokens there.
func (r *redactor) challenges(s string) string {
	var kept []string
	for _, part := range listItems(s) {
		scheme, rest, _ := strings.Cut(part, " ")
		switch m := r.realm.FindStringSubmatch(part); {
		case m != nil && (m[1] == "" || knownScheme(m[1])):
			part = r.text(part)
		case knownScheme(scheme) && strings.TrimSpace(rest) != "":
			r.note(strings.TrimSpace(rest))
			part = scheme + " " + Mask
		case !knownScheme(part):
			part = Mask
		}
		if n := len(kept); part != Mask || n == 0 || !strings.HasSuffix(kept[n-1], Mask) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

// listItems splits a field value at its commas outside quoted strings (RFC
// 9110, section 5.6.1); empty items are left out.
func listItems(s string) []string {
	var list []string
	quoted, start := false, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] == '\\' && quoted:
			i++
		case i < len(s) && s[i] == '"':
			quoted = !quoted
		case i >= len(s) || s[i] == ',' && !quoted:
			if item := strings.TrimSpace(s[start:min(i, len(s))]); item != "" {
				list = append(list, item)
			}
			start = i + 1
		}
	}
	if start < len(s) { // a backslash was the last byte
		list = append(list, strings.TrimSpace(s[start:]))
	}
	return list
}
