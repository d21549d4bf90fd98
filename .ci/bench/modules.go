//go:build linux

package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// moduleSet is a set of made-up modules. Each has one version, one file of
// bytes that do not compress, and no requirements.
type moduleSet struct {
	Count int
	Bytes int // of the file
}

// smallBytes is the size of the file in a module of the small set.
const smallBytes = 64

const (
	moduleHost    = "bench.test"
	moduleVersion = "v1.0.0"
)

// modulePath is the path of module i. Each has a directory of its own in the
// module cache, as modules of different owners have: with all of them in one,
// go mod download spends its time listing it, once for each module.
func modulePath(i int) string { return fmt.Sprintf("%s/%05d/m", moduleHost, i) }

// total is the number of bytes of all files.
func (s moduleSet) total() int { return s.Count * s.Bytes }

// requests is how many requests the go command makes for the set: .info, .mod
// and .zip of each module.
func (s moduleSet) requests() int { return 3 * s.Count }

// goMod is a go.mod file that requires all of the set.
func (s moduleSet) goMod() []byte {
	var b bytes.Buffer
	b.WriteString("module " + moduleHost + "/main\n\ngo 1.21\n\nrequire (\n")
	for i := range s.Count {
		fmt.Fprintf(&b, "\t%s %s\n", modulePath(i), moduleVersion)
	}
	b.WriteString(")\n")
	return b.Bytes()
}

// files returns what a module proxy serves for the set, by URL path.
func (s moduleSet) files() (map[string][]byte, error) {
	files := make(map[string][]byte, s.requests())
	for i := range s.Count {
		z, err := s.zip(i)
		if err != nil {
			return nil, err
		}
		at := "/" + modulePath(i) + "/@v/" + moduleVersion
		files[at+".info"] = []byte(`{"Version":"` + moduleVersion + `","Time":"2026-01-02T03:04:05Z"}`)
		files[at+".mod"] = []byte(moduleFile(i))
		files[at+".zip"] = z
	}
	return files, nil
}

// moduleFile is the go.mod file of module i.
func moduleFile(i int) string { return "module " + modulePath(i) + "\n\ngo 1.21\n" }

// zip makes the zip of module i. Its files are stored: deflating what does not
// compress would only delay the start.
func (s moduleSet) zip(i int) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	root := modulePath(i) + "@" + moduleVersion + "/"
	for name, text := range map[string][]byte{"go.mod": []byte(moduleFile(i)), "noise.bin": noise(i, s.Bytes)} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: root + name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(text); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// noise returns n bytes that do not compress and are the same in every run.
func noise(i, n int) []byte {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(i))
	b := make([]byte, n)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// contentType is the media type of a file of the GOPROXY protocol.
func contentType(path string) string {
	switch {
	case strings.HasSuffix(path, ".zip"):
		return "application/zip"
	case strings.HasSuffix(path, ".info"):
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
