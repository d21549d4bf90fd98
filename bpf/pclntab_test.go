package bpf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tlsFunc is keylogFunc, which exists on Linux only.
const tlsFunc = "crypto/tls.(*Config).writeKeyLog"

func TestFindFunc(t *testing.T) {
	for _, m := range buildModes() {
		t.Run(m.name, func(t *testing.T) {
			path, twin := m.build(t, t.TempDir())
			for _, name := range []string{tlsFunc, "main.main", "runtime.morestack", "net.(*Dialer).DialContext"} {
				want := symbolOffset(t, twin, name)
				if got := mustFind(t, path, name); got != want {
					t.Errorf("%s is at %#x, want %#x", name, got, want)
				}
			}
			if _, err := find(t, path, "main.missing"); !errors.Is(err, ErrNoFunc) {
				t.Errorf("missing function: %v, want ErrNoFunc", err)
			}
		})
	}
}

// symbolOffset finds the function with the symbol table.
func symbolOffset(t *testing.T, path, name string) uint64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		// The linker appends the ABI to some of the names.
		if base, _, _ := strings.Cut(s.Name, ".abi"); base != name {
			continue
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD && s.Value >= p.Vaddr && s.Value < p.Vaddr+p.Filesz {
				return s.Value - p.Vaddr + p.Off
			}
		}
	}
	t.Fatalf("%s has no symbol %s", path, name)
	return 0
}

func find(t *testing.T, path, name string) (uint64, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return FindFunc(f, name)
}

func mustFind(t *testing.T, path, name string) uint64 {
	t.Helper()
	offset, err := find(t, path, name)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

func TestFindFuncNoGo(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, empty, sh} {
		if _, err := find(t, path, "main.main"); !errors.Is(err, ErrNoFunc) {
			t.Errorf("%s: %v, want ErrNoFunc", path, err)
		}
	}
}

// failing reads nothing.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, os.ErrPermission }

func TestFindFuncReadError(t *testing.T) {
	_, err := FindFunc(failing{}, "main.main")
	if !errors.Is(err, os.ErrPermission) || errors.Is(err, ErrNoFunc) {
		t.Errorf("%v, want the reader's error alone", err)
	}
}

func TestFindFuncTruncated(t *testing.T) {
	b := tinyProgram()
	if _, err := FindFunc(bytes.NewReader(b), "main.main"); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := FindFunc(bytes.NewReader(b[:n]), "main.main"); !errors.Is(err, ErrNoFunc) {
			t.Fatalf("of %d bytes the first %d: %v, want ErrNoFunc", len(b), n, err)
		}
	}
}

func FuzzFindFunc(f *testing.F) {
	f.Add(tinyProgram())
	f.Add(tinyPIE())
	f.Add([]byte(elf.ELFMAG))
	f.Fuzz(func(t *testing.T, b []byte) {
		offset, err := FindFunc(bytes.NewReader(b), "main.main")
		if err == nil && offset >= uint64(len(b)) {
			t.Errorf("offset %#x in a file of %d bytes", offset, len(b))
		}
		if err != nil && !errors.Is(err, ErrNoFunc) {
			t.Errorf("%v, want ErrNoFunc", err)
		}
	})
}

// The layout of tinyProgram: one executable and one writable segment.
const (
	tinyBase   = 0x400000
	tinyText   = 0x100
	tinyTable  = 0x200
	tinyModule = 0x400
	tinyRela   = 0x500
	tinyDyn    = 0x600
	tinySize   = 0x700
)

// tinyProgram is the least that FindFunc takes for a Go program: no sections,
// main.main 0x10 after the start of the code.
func tinyProgram() []byte {
	b := make([]byte, tinySize)
	le := binary.LittleEndian
	copy(b, elf.ELFMAG)
	b[4], b[5] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	le.PutUint64(b[32:], headerSize)
	le.PutUint16(b[54:], programSize)
	le.PutUint16(b[56:], 3)
	putSegment(b, 0, elf.PT_LOAD, elf.PF_R|elf.PF_X, 0, tinyModule)
	putSegment(b, 1, elf.PT_LOAD, elf.PF_R|elf.PF_W, tinyModule, tinySize-tinyModule)
	putTable(b[tinyTable:])
	for i, word := range tinyModuledata() {
		le.PutUint64(b[tinyModule+8*i:], word)
	}
	return b
}

// tinyPIE is the same with moduledata as relocations.
func tinyPIE() []byte {
	b := tinyProgram()
	le := binary.LittleEndian
	n := 0
	for i, word := range tinyModuledata() {
		if word < tinyBase {
			continue
		}
		r := b[tinyRela+relaSize*n:]
		le.PutUint64(r, tinyBase+tinyModule+8*uint64(i))
		le.PutUint64(r[8:], uint64(elf.R_X86_64_RELATIVE))
		le.PutUint64(r[16:], word)
		le.PutUint64(b[tinyModule+8*i:], 0)
		n++
	}
	putSegment(b, 2, elf.PT_DYNAMIC, elf.PF_R|elf.PF_W, tinyDyn, 32)
	le.PutUint64(b[tinyDyn:], uint64(elf.DT_RELA))
	le.PutUint64(b[tinyDyn+8:], tinyBase+tinyRela)
	le.PutUint64(b[tinyDyn+16:], uint64(elf.DT_RELASZ))
	le.PutUint64(b[tinyDyn+24:], uint64(n*relaSize))
	return b
}

func putSegment(b []byte, i int, kind elf.ProgType, flags elf.ProgFlag, offset, size uint64) {
	le := binary.LittleEndian
	p := b[headerSize+programSize*i:]
	le.PutUint32(p, uint32(kind))
	le.PutUint32(p[4:], uint32(flags))
	le.PutUint64(p[8:], offset)
	le.PutUint64(p[16:], tinyBase+offset)
	le.PutUint64(p[32:], size)
}

// tinyNames are the names of functions in tinyProgram.
const tinyNames = "\x00go:buildid\x00main.main\x00"

func putTable(b []byte) {
	le := binary.LittleEndian
	le.PutUint32(b, pclntabMagic)
	b[6], b[7] = 1, 8
	names := uint64(pcHeaderSize)
	cus := names + uint64(len(tinyNames)) + 2
	funcs := cus + 4 - cus%4
	for i, word := range []uint64{1, 0, 0, names, cus, cus, cus, funcs} {
		le.PutUint64(b[8+8*i:], word)
	}
	copy(b[names:], tinyNames)
	for i, word := range []uint32{0x10, 12, 0x20, 0x10, uint32(strings.Index(tinyNames, "main"))} {
		le.PutUint32(b[int(funcs)+4*i:], word)
	}
}

func tinyModuledata() [moduleWords]uint64 {
	var words [moduleWords]uint64
	words[wordHeader] = tinyBase + tinyTable
	words[wordNames] = tinyBase + tinyTable + pcHeaderSize
	words[wordNamesLen] = uint64(len(tinyNames))
	words[wordNamesCap] = uint64(len(tinyNames))
	words[wordText] = tinyBase + tinyText
	words[wordMinPC] = tinyBase + tinyText + 0x10
	words[wordMaxPC] = tinyBase + tinyText + 0x20
	return words
}

func TestFindFuncTiny(t *testing.T) {
	for name, b := range map[string][]byte{"static": tinyProgram(), "pie": tinyPIE()} {
		offset, err := FindFunc(bytes.NewReader(b), "main.main")
		if err != nil || offset != tinyText+0x10 {
			t.Errorf("%s: %#x, %v; want %#x", name, offset, err, tinyText+0x10)
		}
	}
}

// BenchmarkFindFunc searches the go command.
func BenchmarkFindFunc(b *testing.B) {
	path, err := exec.LookPath("go")
	if err != nil {
		b.Skip(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		if _, err := FindFunc(io.ReaderAt(f), tlsFunc); err != nil {
			b.Fatal(err)
		}
	}
}
