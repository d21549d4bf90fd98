//go:build linux

package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnsummed(t *testing.T) {
	const mod = "module m\n\ngo 1.21\n\nrequire (\n\ta.test/x v1.0.0\n\tb.test/y v1.2.0\n\tc.test/z v0.1.0 // indirect\n\td.test/w v1.0.0\n)\n\nreplace d.test/w => ../w\n"
	const sum = "a.test/x v1.0.0 h1:x=\na.test/x v1.0.0/go.mod h1:y=\nb.test/y v1.2.0/go.mod h1:z=\n"
	root := mustTree(t, map[string]string{
		"one/go.mod": mod, "one/go.sum": sum, "one/sub/x.go": "package sub\n", "none/x": "", "broken/go.mod": "require (\n",
		"work/go.work": "go 1.21\n", "work/m/go.mod": mod,
	})
	for dir, want := range map[string][]string{
		"/one": {"b.test/y@v1.2.0"}, "/one/sub": {"b.test/y@v1.2.0"}, "/none": nil, "/broken": nil, "/work/m": nil,
	} {
		if d := cmp.Diff(want, Reader{Dir: root + dir}.unsummed()); d != "" {
			t.Errorf("%s: -want +got\n%s", dir, d)
		}
	}
	if got := (Reader{}).unsummed(); got != nil {
		t.Errorf("no directory: %v", got)
	}
}
