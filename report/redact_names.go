package report

import "strings"

// secretName tells whether a variable, option or key=value of that name holds
// a secret. The words of the name decide: GITHUB_TOKEN, apiKey, http-password
// do, log.showsignature, token-file and ask-password do not.
func secretName(name string) bool {
	parts := nameParts(name)
	if len(parts) == 0 || aboutSecret(parts[0], parts[len(parts)-1]) {
		return false
	}
	for i, p := range parts {
		if secretWord(p) || p == "pwd" && len(parts) > 1 || p == "key" && i > 0 && keyKind(parts[i-1]) {
			return true
		}
		for _, end := range []string{"token", "password", "passwd", "passphrase", "secret", "apikey"} {
			if strings.HasSuffix(p, end) {
				return true
			}
		}
	}
	return false
}

func secretWord(s string) bool {
	switch s {
	case "pass", "pw", "bearer", "credential", "credentials", "jwt", "auth", "authorization", "cookie", "sessionid", "userpwd":
		return true
	}
	return strings.TrimRight(s, "0123456789") != s && secretName(strings.TrimRight(s, "0123456789"))
}

// keyKind tells the secret keys from those of tables.
func keyKind(s string) bool {
	switch s {
	case "api", "access", "auth", "private", "secret", "account", "signing", "encryption", "master":
		return true
	}
	return false
}

// aboutSecret tells names of what surrounds a secret: where it is, how it is
// asked for.
func aboutSecret(first, last string) bool {
	switch first {
	case "no", "ask", "use", "without", "disable", "enable", "any":
		return true
	}
	switch last {
	case "file", "path", "dir", "stdin", "type", "ttl", "url", "uri", "host", "command", "cmd", "helper", "method",
		"scheme", "timeout", "prompt", "cache", "challenge", "jar":
		return true
	}
	return false
}

// nameParts splits a name into its words, in lower case: at every byte that
// is no letter or digit, and before a capital that follows a small letter.
func nameParts(name string) []string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case !wordByte(c) || c == '_':
			c = ' '
		case i > 0 && 'A' <= c && c <= 'Z' && 'a' <= name[i-1] && name[i-1] <= 'z':
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return strings.Fields(strings.ToLower(b.String()))
}
