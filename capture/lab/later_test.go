package lab

import (
	"strings"
	"testing"
)

// Each shape has a name of its own and, unless healthy, the rule of a fault
// that there is.
func TestLater(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		seen[f.Name] = true
	}
	for _, f := range Later() {
		if seen[f.Name] || f.About == "" || f.Setup == nil && f.Command == nil {
			t.Errorf("%q: seen before: %v, about %q", f.Name, seen[f.Name], f.About)
		}
		if healthy := strings.HasPrefix(f.Name, "healthy-"); healthy != (f.Rule == "") || !healthy && f.Hop == "" {
			t.Errorf("%q: rule %q at %q", f.Name, f.Rule, f.Hop)
		}
		seen[f.Name] = true
		f.Build()
	}
}
