package servers

import "testing"

// Names are unique, and each scenario proves that its server was used.
func TestScenarios(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if seen[s.Name] {
			t.Errorf("%s: a second time", s.Name)
		}
		seen[s.Name] = true
		if (s.Rule == "") != (s.Hop == "") {
			t.Errorf("%s: rule %q at %q", s.Name, s.Rule, s.Hop)
		}
		if len(s.Servers) == 0 || s.Log.Contains == "" && len(s.Proof) == 0 && s.Rule == "" {
			t.Errorf("%s: nothing tells that a real server was used", s.Name)
		}
	}
	if len(seen) < 25 {
		t.Errorf("%d scenarios", len(seen))
	}
}
