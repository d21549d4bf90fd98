// Package gopxtrace holds the tests of the tree itself: which way imports go,
// and that every package says what it is for.
package gopxtrace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gopx-trace/gopx-trace/"

// stages are the folders in the order in which data goes through them.
// A package imports only from its own stage and from those before it.
func stages() []string {
	return []string{"bpf", "capture", "agent", "report", "cmd"}
}

// steps are the folders within the stages, in their order: a later one may
// import an earlier one, never the reverse. A folder stands for those below it
// that are not named themselves.
func steps() []string {
	return []string{
		"bpf",
		"capture", "capture/pcapfile", "capture/live/invoker", "capture/live/settings", "capture/live/gate", "capture/live/upstream", "capture/live", "capture/lab",
		"agent/trace", "agent/flow", "agent/keylog", "agent/digest", "agent/decode", "agent/goproxy", "agent/diagnose", "agent",
		"report/words", "report",
		"cmd",
	}
}

// leaves import nothing of this module.
func leaves() []string { return []string{"bpf", "agent/trace", "capture"} }

func TestImportsGoLeft(t *testing.T) {
	seen := 0
	eachFile(t, func(dir string, f *ast.File, pos string) {
		for _, imp := range f.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(p, module)
			if !ours || dir == "." {
				continue
			}
			seen++
			if strings.HasSuffix(pos, "_test.go") && dir != to {
				if stageOf(dir) < stageOf(to) && dir != "capture/lab" {
					t.Errorf("%s: test of %s imports %s, which comes later", pos, dir, to)
				}
				continue
			}
			if why := forbidden(dir, to); why != "" {
				t.Errorf("%s: %s imports %s: %s", pos, dir, to, why)
			}
		}
	})
	if seen < 20 {
		t.Errorf("only %d imports inside the module were found: this test has lost its subject", seen)
	}
}

// forbidden says why the package dir must not import the package to, or "".
func forbidden(dir, to string) string {
	for _, l := range leaves() {
		if dir == l {
			return "it is a leaf"
		}
	}
	from, dest := stepOf(dir), stepOf(to)
	switch {
	case from < 0 || dest < 0:
		return "it is a folder without a place in the order of steps"
	case stageOf(dir) < stageOf(to):
		return "data goes right, imports go left"
	case from < dest:
		return "it is a later step"
	}
	return ""
}

func stageOf(dir string) int {
	root, _, _ := strings.Cut(dir, "/")
	return index(stages(), root)
}

// stepOf is the place of the longest step that dir is, or is below.
func stepOf(dir string) int {
	for d := dir; d != "."; d = path.Dir(d) {
		if i := index(steps(), d); i >= 0 {
			return i
		}
	}
	return -1
}

func index(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// The rule itself, so that a mistake in forbidden cannot pass unnoticed.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		dir, to string
		wrong   bool
	}{
		{"capture/live", "bpf", false},
		{"bpf", "capture", true},
		{"agent", "report", true},
		{"report", "agent/trace", false},
		{"agent/flow", "agent/decode", true},
		{"agent/decode", "agent/flow", false},
		{"agent/trace", "agent/flow", true},
		{"capture/pcapfile", "capture/live", true},
		{"agent/diagnose", "agent", true},
		{"cmd/gopx-trace", "capture/lab", false},
		{"agent", "newthing/x", true},
		{"capture/live/gate", "capture/live", true},
		{"capture/live", "capture/live/gate", false},
		{"capture/live", "capture/lab", true},
		{"agent/decode/x", "agent/goproxy", true},
		{"report", "report/words", false},
		{"report/words", "report", true},
	} {
		if got := forbidden(c.dir, c.to) != ""; got != c.wrong {
			t.Errorf("%s imports %s: forbidden %v, want %v", c.dir, c.to, got, c.wrong)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	comments := map[string]int{}
	eachFile(t, func(dir string, f *ast.File, pos string) {
		if strings.HasSuffix(pos, "_test.go") && dir != "." {
			return
		}
		n := comments[dir]
		if f.Doc != nil {
			n++
			if text := f.Doc.Text(); !strings.HasPrefix(text, "Package "+f.Name.Name+" ") && !strings.HasPrefix(text, "Command ") {
				t.Errorf("%s: the package comment begins %q", pos, strings.SplitN(text, "\n", 2)[0])
			}
		}
		comments[dir] = n
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

func TestNoInitAndNoVagueNames(t *testing.T) {
	eachFile(t, func(dir string, f *ast.File, pos string) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: has an init function", pos)
			}
		}
		for _, vague := range []string{"util", "utils", "common", "helper", "helpers", "types", "misc"} {
			if path.Base(dir) == vague || strings.TrimSuffix(path.Base(pos), ".go") == vague {
				t.Errorf("%s: the name says nothing", pos)
			}
		}
	})
}

// eachFile parses the import clauses of every Go file that is not generated.
// It reads the sources itself: a test that asks "go list" would be answered
// from the test cache after a wrong import was added.
func eachFile(t *testing.T, do func(dir string, f *ast.File, pos string)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && p != "." || d.IsDir() && d.Name() == "testdata" {
			if d != nil && d.IsDir() && err == nil {
				return filepath.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_bpfel.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		do(filepath.ToSlash(filepath.Dir(p)), f, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
