package words

import "strings"

// General returns a template of a [Sentence] without any finding: what would
// stand in the place of {host} is written HOST, as in a manual. What follows a
// word or another argument without a blank is an addition that most findings do
// not have (" through the proxy ..."), and is left out.
func General(template string) string {
	var b strings.Builder
	glued := false
	fillIn(template, func(text string) {
		b.WriteString(text)
		if text != "" {
			last := text[len(text)-1]
			glued = isLetter(last) || '0' <= last && last <= '9'
		}
	}, func(name string) {
		if !glued {
			b.WriteString(strings.ToUpper(name))
		}
		glued = true
	})
	return b.String()
}
