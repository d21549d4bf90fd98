package lab

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// HelloModule is the module that a fault's command fetches if it names none.
const HelloModule = "mod.test/hello@v1.0.0"

// GitModule is the module that is on the git host too, for GOPROXY=direct.
const GitModule = "git.test/lib@v1.0.0"

// gitRepository is the path of GitModule.
const gitRepository = GitHost + "/lib"

// largeSize is the size in bytes of the incompressible file of mod.test/large.
const largeSize = 2 << 20

// release is one version of a module.
type release struct {
	module.Version
	files []file

	zipOnce sync.Once
	zipped  []byte
	zipErr  error
}

// releases lists the lab's modules.
func releases() []*release {
	return []*release{
		newRelease("mod.test/hello", "v1.0.0", "", "package hello\n\n// Hello greets.\nfunc Hello() string { return \"hello\" }\n"),
		newRelease("mod.test/hello", "v1.1.0", "", "package hello\n\n// Hello greets.\nfunc Hello() string { return \"good day\" }\n"),
		newRelease("mod.test/quote", "v1.2.0", "require mod.test/hello v1.0.0\n",
			"package quote\n\nimport \"mod.test/hello\"\n\n// Quote quotes a greeting.\nfunc Quote() string { return `\"` + hello.Hello() + `\"` }\n"),
		withLarge(newRelease("mod.test/large", "v1.0.0", "", "// Package large has a large file.\npackage large\n")),
		newRelease(gitRepository, "v1.0.0", "", "// Package lib comes from git.\npackage lib\n"),
		wanting("1.99", newRelease("mod.test/future", "v1.0.0", "", "// Package future wants a Go that is not out yet.\npackage future\n")),
		// Go 1.16 is before lazy loading: its requirements' go.mod files are read.
		wanting("1.16", newRelease("mod.test/forward", "v1.0.0", "require mod.test/future v1.0.0\n", "// Package forward needs package future.\npackage forward\n")),
		newRelease("golang.org/toolchain", "v0.0.1-"+futureGo+"."+runtime.GOOS+"-"+runtime.GOARCH, "", "// Package toolchain is no toolchain.\npackage toolchain\n"),
	}
}

// newRelease is a module of one package of one file.
func newRelease(modPath, version, requires, source string) *release {
	name := path.Base(modPath)
	goMod := "module " + modPath + "\n\ngo 1.21\n"
	if requires != "" {
		goMod += "\n" + requires
	}
	return &release{
		Version: module.Version{Path: modPath, Version: version},
		files:   []file{{"go.mod", goMod}, {name + ".go", source}},
	}
}

// futureGo is a Go release that only the lab has; there is no program in it.
const futureGo = "go1.98.0"

// wanting changes the Go version that a release's go.mod wants.
func wanting(goVersion string, r *release) *release {
	r.files[0].text = strings.Replace(r.files[0].text, "go 1.21", "go "+goVersion, 1)
	return r
}

// withLarge adds largeSize bytes that do not compress and are the same in
// every lab.
func withLarge(r *release) *release {
	raw := make([]byte, largeSize)
	rand.NewChaCha8([32]byte{}).Read(raw)
	r.files = append(r.files, file{"large.bin", string(raw)})
	return r
}

// goMod is the text of the go.mod file.
func (r *release) goMod() string { return r.files[0].text }

// released is when every release was made; it stands in .info and in git.
func released() time.Time { return time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC) }

// zip returns the module zip, made when first asked for.
func (r *release) zip() ([]byte, error) {
	r.zipOnce.Do(func() {
		files := make([]zip.File, len(r.files))
		for i, f := range r.files {
			files[i] = f
		}
		var buf bytes.Buffer
		r.zipErr = zip.Create(&buf, r.Version, files)
		r.zipped = buf.Bytes()
	})
	return r.zipped, r.zipErr
}

// sumLines are the two go.sum lines of the release.
func (r *release) sumLines() ([]byte, error) {
	prefix := r.Path + "@" + r.Version.Version + "/"
	open := func(name string) (io.ReadCloser, error) {
		i := slices.IndexFunc(r.files, func(f file) bool { return f.name == strings.TrimPrefix(name, prefix) })
		if i < 0 {
			return nil, fs.ErrNotExist
		}
		return r.files[i].Open()
	}
	var names []string
	for _, f := range r.files {
		names = append(names, prefix+f.name)
	}
	zipSum, err := dirhash.Hash1(names, open)
	if err != nil {
		return nil, err
	}
	modSum, err := dirhash.Hash1([]string{"go.mod"}, open)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", r.Path, r.Version.Version, zipSum, modSum), nil
}

// catalog holds the releases by module path and version.
type catalog struct{ all []*release }

// makeCatalog makes the modules and the database of their sums.
func (l *Lab) makeCatalog() (err error) {
	l.catalog = &catalog{all: releases()}
	l.sums, err = newSumDB(l.catalog)
	return err
}

// find returns a release; nil if there is none.
func (c *catalog) find(modPath, version string) *release {
	want := module.Version{Path: modPath, Version: version}
	i := slices.IndexFunc(c.all, func(r *release) bool { return r.Version == want })
	if i < 0 {
		return nil
	}
	return c.all[i]
}

// versions returns the versions of a module, oldest first.
func (c *catalog) versions(modPath string) []string {
	var list []string
	for _, r := range c.all {
		if r.Path == modPath {
			list = append(list, r.Version.Version)
		}
	}
	semver.Sort(list)
	return list
}

// file is a file in memory. It implements [zip.File] and [fs.FileInfo].
type file struct{ name, text string }

// Path implements [zip.File].
func (f file) Path() string { return f.name }

// Lstat implements [zip.File].
func (f file) Lstat() (fs.FileInfo, error) { return f, nil }

// Open implements [zip.File].
func (f file) Open() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(f.text)), nil }

// Name implements [fs.FileInfo].
func (f file) Name() string { return path.Base(f.name) }

// Size implements [fs.FileInfo].
func (f file) Size() int64 { return int64(len(f.text)) }

// Mode implements [fs.FileInfo].
func (f file) Mode() fs.FileMode { return 0o644 }

// ModTime implements [fs.FileInfo].
func (f file) ModTime() time.Time { return released() }

// IsDir implements [fs.FileInfo].
func (f file) IsDir() bool { return false }

// Sys implements [fs.FileInfo].
func (f file) Sys() any { return nil }
