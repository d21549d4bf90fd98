package words

import "strings"

// safe are the characters that a shell takes as they are wherever they stand
// in a word (POSIX.1-2017, XCU 2.2).
const safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%_+=:,./-"

// masked is what a URL's credentials were replaced by, and credentials what is
// to be typed there.
const (
	masked      = "://***@"
	credentials = "://USER:PASSWORD@"
)

// command is a [Sentence] Fix in the making: shell text, into which arguments
// are put in a way that they stay arguments. They come from the network (the
// target of a redirect, a module's name) and may hold anything.
type command struct {
	b strings.Builder
	// quote is the quotation mark that is open, 0 for none.
	quote   byte
	comment bool
	last    byte
}

// text adds shell text of our own.
func (c *command) text(s string) {
	for i := range len(s) {
		switch ch := s[i]; {
		case c.comment:
		case c.quote != 0:
			if ch == c.quote {
				c.quote = 0
			}
		case ch == '#' && c.last == ' ':
			c.comment = true
		case ch == '"', ch == '\'' && !isLetter(c.last): // no apostrophe
			c.quote = ch
		}
		c.last = s[i]
	}
	c.b.WriteString(s)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// argument adds what is not ours, quoted for the place where it stands. A
// control character would end a comment, or act on the terminal.
func (c *command) argument(s string) {
	s = strings.ReplaceAll(s, masked, credentials)
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	switch {
	case c.comment:
	case c.quote == '\'':
		s = strings.ReplaceAll(s, "'", `'\''`)
	case c.quote == '"':
		s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
	case strings.Trim(s, safe) != "" || strings.HasPrefix(s, "-") && strings.HasSuffix(c.b.String(), " "):
		s = quoted(s)
	}
	if s != "" {
		c.last = s[len(s)-1]
	}
	c.b.WriteString(s)
}

// quoted returns one word of a shell. A word that begins with "-" would be an
// option; no address and no path does.
func quoted(s string) string {
	if strings.HasPrefix(s, "-") {
		s = "./" + s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
