package diagnose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rules look at what the command asked: [goproxy.View.Lookups]. What a local
// resolver asks others is in the trace's own list too.
func TestRulesPassOverUpstream(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "hops.go" || name == "upstream.go" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "Trace.Lookups") {
			t.Errorf("%s: Trace.Lookups has the lookups of local resolvers too, Lookups() has not", name)
		}
	}
}
