package report

import (
	"cmp"
	"slices"
	"strings"
)

// shortestEcho is the length from which a secret found in one place is
// replaced wherever it stands; shorter ones would tear words apart.
const shortestEcho = 6

// echoes masks the secrets that were found wherever they stand again.
type echoes struct {
	long *strings.Replacer
	// short are secrets below shortestEcho that are masked in command lines,
	// as whole words.
	short []string
}

// echoes returns what masks the secrets found so far, longest first.
func (r *redactor) echoes() *echoes {
	e := &echoes{}
	var list []string
	for s, everyLength := range r.found {
		switch {
		case len(s) >= shortestEcho:
			list = append(list, s)
		case everyLength:
			e.short = append(e.short, s)
		}
	}
	longestFirst(list)
	longestFirst(e.short)
	pairs := make([]string, 0, 2*len(list))
	for _, s := range list {
		pairs = append(pairs, s, Mask)
	}
	e.long = strings.NewReplacer(pairs...)
	return e
}

func longestFirst(list []string) {
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
}

func (e *echoes) replace(field, s string) string {
	s = e.long.Replace(s)
	if field == argvField {
		for _, secret := range e.short {
			s = replaceWord(s, secret)
		}
	}
	return s
}

// replaceWord masks word in s where it does not touch another word byte.
func replaceWord(s, word string) string {
	if !strings.Contains(s, word) {
		return s
	}
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(s[at:], word)
		if i < 0 {
			return b.String() + s[at:]
		}
		i += at
		end := i + len(word)
		b.WriteString(s[at:i])
		if i > 0 && wordByte(s[i-1]) && wordByte(word[0]) || end < len(s) && wordByte(s[end]) && wordByte(word[len(word)-1]) {
			b.WriteString(word)
		} else {
			b.WriteString(Mask)
		}
		at = end
	}
}
