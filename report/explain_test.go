package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/report/words"
)

func TestCatalogueInDocs(t *testing.T) {
	var want bytes.Buffer
	if err := Catalogue(&want, words.English); err != nil {
		t.Fatal(err)
	}
	const path = "../docs/faults.md"
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what Catalogue writes (%v); run go test ./report -update", path, err)
	}
}

func TestExplain(t *testing.T) {
	for _, r := range diagnose.Rules() {
		var b bytes.Buffer
		known, err := Explain(&b, r.ID, words.English)
		if !known || err != nil {
			t.Errorf("%s: known %v, %v", r.ID, known, err)
			continue
		}
		for _, part := range []string{r.ID + ": ", "\nMeans\n", "\nProved by\n", "\nTold apart\n", "\nTo type\n"} {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%s: no %q in\n%s", r.ID, part, b.String())
			}
		}
		if strings.ContainsAny(b.String(), "{}") && !strings.Contains(b.String(), "$") {
			t.Errorf("%s: a placeholder is left in\n%s", r.ID, b.String())
		}
	}
	if known, _ := Explain(&bytes.Buffer{}, "no-such-rule", words.English); known {
		t.Error("a rule that does not exist was explained")
	}
}

// TestUnobserved sees to it that no fault is both found and called unseen.
func TestUnobserved(t *testing.T) {
	for _, u := range words.Unobserved(words.English) {
		if _, ok := words.Of(u.Fault, words.English); ok || u.Why == "" {
			t.Errorf("%s: has a rule (%v), or no reason (%q)", u.Fault, ok, u.Why)
		}
	}
}
