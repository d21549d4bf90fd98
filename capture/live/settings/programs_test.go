//go:build linux

package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/git": 0o644, "b/git": 0o755, "b/ssh/x": 0o755, "c/ssh": 0o755} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	a, b, c := dir+"/a", dir+"/b", dir+"/c"
	for _, tt := range []struct {
		name, path string
		want       map[string]string
	}{
		{"what is not executable, or a directory, is passed over", a + ":" + b + ":" + c, map[string]string{"git": b + "/git", "ssh": c + "/ssh"}},
		{"neither", a, map[string]string{"git": "", "ssh": ""}},
		{"relative directories do not count", "b:" + c, map[string]string{"git": "", "ssh": c + "/ssh"}},
		{"no PATH", "", map[string]string{"git": "", "ssh": ""}},
	} {
		if d := cmp.Diff(tt.want, Reader{Env: []string{"PATH=" + tt.path}}.programs()); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}
