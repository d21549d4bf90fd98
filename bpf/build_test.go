package bpf

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// buildMode is one way to make an executable of testdata/tlsclient.
type buildMode struct {
	name string
	cgo  bool
	args []string
	// then changes the finished file; what can be compared with is as it was
	// before.
	then func(t *testing.T, path string)
}

func buildModes() []buildMode {
	external := "-ldflags=-linkmode=external"
	return []buildMode{
		{name: "plain"},
		{name: "ldflags-s-w", args: []string{"-ldflags=-s -w"}},
		{name: "no-sections", then: cutSections},
		{name: "pie", args: []string{"-buildmode=pie"}},
		{name: "pie-strip", args: []string{"-buildmode=pie"}, then: strip},
		{name: "pie-no-sections", args: []string{"-buildmode=pie"}, then: cutSections},
		{name: "cgo-external", cgo: true, args: []string{external}},
		{name: "cgo-external-strip", cgo: true, args: []string{external}, then: strip},
		{name: "cgo-static", cgo: true, args: []string{"-ldflags=-linkmode=external -extldflags=-static"}},
		{name: "cgo-external-pie", cgo: true, args: []string{"-buildmode=pie", external}},
		{name: "cgo-external-pie-strip", cgo: true, args: []string{"-buildmode=pie", external}, then: strip},
		{name: "cgo-external-pie-no-sections", cgo: true, args: []string{"-buildmode=pie", external}, then: cutSections},
	}
}

// strip removes all symbols with binutils.
func strip(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("strip", "--strip-all", path).CombinedOutput(); err != nil {
		t.Fatalf("strip: %v\n%s", err, out)
	}
}

// cutSections makes the file look as if it had no section headers.
func cutSections(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint64(b[40:], 0)
	binary.LittleEndian.PutUint16(b[60:], 0)
	binary.LittleEndian.PutUint16(b[62:], 0)
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// build makes the executable in dir and returns its path and that of a twin which
// has its symbols.
func (m buildMode) build(t *testing.T, dir string) (path, twin string) {
	t.Helper()
	if m.cgo {
		if _, err := exec.LookPath("gcc"); err != nil {
			skip(t, "no C compiler")
		}
	}
	path, twin = filepath.Join(dir, m.name), filepath.Join(dir, m.name+".twin")
	m.compile(t, path, m.args)
	if m.then == nil && !slices.Contains(m.args, "-ldflags=-s -w") {
		return path, path
	}
	if m.then == nil {
		m.compile(t, twin, nil)
		return path, twin
	}
	m.compile(t, twin, m.args)
	m.then(t, path)
	return path, twin
}

func (m buildMode) compile(t *testing.T, out string, args []string) {
	t.Helper()
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, args...), "./testdata/tlsclient")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if m.cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %v: %v\n%s", args, err, b)
	}
}

// skip skips the test; where everything must run, it fails it.
func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
