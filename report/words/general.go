package words

import "strings"

// General returns a template of a [Sentence] without any finding: what would
// stand in the place of {host} is written HOST, as in a manual.
func General(template string) string {
	var b strings.Builder
	fillIn(template, func(text string) { b.WriteString(text) }, func(name string) {
		b.WriteString(strings.ToUpper(name))
	})
	return b.String()
}
