package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// ms writes a duration with three significant digits: 1.23 ms, 45 ms, 10.0 s.
func ms(m trace.Millis) string {
	switch f := float64(m); {
	case f < 10:
		return fmt.Sprintf("%.2f ms", f)
	case f < 1000:
		return fmt.Sprintf("%.0f ms", f)
	case f < 100_000:
		return fmt.Sprintf("%.1f s", f/1000)
	default:
		return fmt.Sprintf("%.0f s", f/1000)
	}
}

// size writes bytes in decimal units, as Wireshark and curl do.
func size(n uint64) string {
	switch f := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", f/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", f/1e6)
	default:
		return fmt.Sprintf("%.2f GB", f/1e9)
	}
}

// count writes a number with its noun, or "" for none.
func count(n int, noun string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// join joins the parts that are not empty.
func join(parts []string) string {
	var s []string
	for _, p := range parts {
		if p != "" {
			s = append(s, p)
		}
	}
	return strings.Join(s, ", ")
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// clean makes captured bytes safe for a terminal: control characters, escape
// sequences among them, become U+FFFD.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
