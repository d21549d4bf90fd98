package pcapfile

import (
	"strings"
	"unicode/utf8"
)

// escapeBase is the first of the 256 private code points that stand for bytes
// in JSON. Arguments and paths are bytes, JSON strings are not.
const escapeBase = 0x10ff00

// escape returns s as valid UTF-8 from which unescape makes s again: bytes that
// are not UTF-8, and the bytes of characters that unescape would take for such,
// become private code points.
func escape(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, escaped) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && n == 1 || escaped(c) {
			for i := range n {
				b.WriteRune(escapeBase + rune(s[i]))
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func unescape(s string) string {
	if !strings.ContainsFunc(s, escaped) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if escaped(c) {
			b.WriteByte(byte(c - escapeBase))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func escaped(c rune) bool { return c >= escapeBase && c <= escapeBase+0xff }
