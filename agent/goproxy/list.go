package goproxy

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// Words of a GOPROXY list that are not URLs
// ($GOROOT/src/cmd/go/internal/modfetch/proxy.go).
const (
	Direct  = "direct"
	Off     = "off"
	NoProxy = "noproxy"
)

// maxEntries bounds a GOPROXY list; real ones have two or three entries.
const maxEntries = 64

// ErrNoEntries is what the go command says of a list such as ",".
var ErrNoEntries = errors.New("GOPROXY list is not the empty string, but contains no entries")

// Entry is one entry of a GOPROXY list.
type Entry struct {
	// URL is the base URL as the go command uses it, credentials included, or
	// [Direct] or [Off].
	URL string
	// Separator is what follows the entry: "," goes on only after 404 and 410,
	// "|" after any error. It is empty at the end of the list.
	Separator string
}

// ParseList reads a GOPROXY value as proxyList in
// $GOROOT/src/cmd/go/internal/modfetch/proxy.go does: the list ends at direct
// or off, and a word with one of ".:/" but no scheme is https. An entry that
// the go command refuses makes the whole list an error; the entries before it
// are returned too.
func ParseList(value string) ([]Entry, error) {
	var list []Entry
	for value != "" && len(list) < maxEntries {
		word, separator := value, ""
		if i := strings.IndexAny(value, ",|"); i >= 0 {
			word, separator, value = value[:i], value[i:i+1], value[i+1:]
		} else {
			value = ""
		}
		word = strings.TrimSpace(word)
		switch word {
		case "":
			continue
		case Direct, Off:
			return append(list, Entry{URL: word}), nil
		}
		base, err := baseURL(word)
		if err != nil {
			return list, err
		}
		list = append(list, Entry{URL: base, Separator: separator})
	}
	if len(list) == 0 {
		return nil, ErrNoEntries
	}
	list[len(list)-1].Separator = "" // a trailing separator leads nowhere
	return list, nil
}

// baseURL completes a missing scheme and refuses what newProxyRepo refuses.
func baseURL(word string) (string, error) {
	if strings.ContainsAny(word, ".:/") && !strings.Contains(word, ":/") && !path.IsAbs(word) {
		word = "https://" + word
	}
	u, err := url.Parse(word)
	if err != nil {
		return "", fmt.Errorf("invalid proxy URL: %s", Mask(word))
	}
	switch u.Scheme {
	case "http", "https", "file":
		return word, nil
	case "":
		return "", fmt.Errorf("invalid proxy URL missing scheme: %s", Mask(word))
	}
	return "", fmt.Errorf("invalid proxy URL scheme (must be https, http, file): %s", Mask(word))
}

// IsURL reports whether the entry is a module proxy rather than direct or off.
func (e Entry) IsURL() bool { return e.URL != Direct && e.URL != Off }

// String returns the entry for display, with *** in place of credentials.
func (e Entry) String() string { return Mask(e.URL) }

// Host returns the lower-case host name or address of the entry without the
// port, or "" for direct, off and file URLs.
func (e Entry) Host() string {
	if !e.IsURL() {
		return ""
	}
	return Host(e.URL)
}

// passes reports whether the go command goes on to the next entry after this
// one failed.
func (e Entry) passes(notFound bool) bool {
	return notFound && e.Separator != "" || e.Separator == "|"
}

// base returns the entry's parts that a request URL must begin with.
func (e Entry) base() (scheme, host, prefix string, ok bool) {
	u, err := parseURL(e.URL)
	if err != nil || u.Host == "" {
		return "", "", "", false
	}
	return u.Scheme, strings.ToLower(u.Host), strings.TrimSuffix(u.Path, "/"), true
}

// Mask replaces the userinfo of a URL by ***, also in one that does not parse:
// a raw "/" or "#" in a password ends the authority too early, which shows in
// an authority that is no host:port.
func Mask(s string) string {
	start := 0
	if i := strings.Index(s, "://"); i >= 0 {
		start = i + len("://")
	}
	rest := s[start:]
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 && !plainAuthority(authority) {
		at = strings.LastIndexByte(rest, '@')
	}
	if at < 0 {
		return s
	}
	return s[:start] + "***" + rest[at:]
}

// plainAuthority reports whether a is a host, or host:port, as far as a colon
// can tell it from user:password.
func plainAuthority(a string) bool {
	_, port, ok := strings.Cut(a[strings.LastIndexByte(a, ']')+1:], ":")
	return !ok || strings.Trim(port, "0123456789") == ""
}
