package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// ErrNoFunc says that a file is no Go program that can be understood, or that it
// does not contain the function.
var ErrNoFunc = errors.New("no such Go function")

// The table that Go programs keep for stack traces and that no stripping removes:
// cmd/link/internal/ld/pcln.go writes it, runtime/symtab.go (pcHeader) reads it.
const (
	// pclntabMagic is that of Go 1.20 and later (internal/abi/symtab.go).
	pclntabMagic = 0xfffffff1
	// pcHeaderSize: magic, two zeros, minimum instruction size, pointer size, and
	// eight words.
	pcHeaderSize = 72
	maxFuncs     = 1 << 23
)

// pclntab is the header of such a table. Offsets count from its address.
type pclntab struct {
	address uint64
	// nfunc is the number of functions.
	nfunc uint64
	// names, cus and funcs are the offsets of the function names, of what follows
	// these, and of the function table.
	names, cus, funcs uint64
}

// FindFunc returns the file offset of the entry of a Go function, named as in a
// stack trace ("crypto/tls.(*Config).writeKeyLog"), in the executable r. It needs
// no symbol table: any 64-bit little-endian ELF program of Go 1.20 or later will
// do, stripped, position independent or linked by another linker. It returns an
// error that wraps [ErrNoFunc], or one of r.
func FindFunc(r io.ReaderAt, name string) (offset uint64, err error) {
	im, err := openImage(r)
	if err != nil {
		return 0, noFunc(err)
	}
	t, err := im.findPclntab()
	if err != nil {
		return 0, noFunc(err)
	}
	entry, err := im.findEntry(t, name)
	if err != nil {
		return 0, noFunc(err)
	}
	text, err := im.findText(t)
	if err != nil {
		return 0, noFunc(err)
	}
	address := text + uint64(entry)
	offset, _ = im.fileOffset(address)
	if !im.inCode(address) {
		return 0, fmt.Errorf("%w: address %#x is not in the code", ErrNoFunc, address)
	}
	return offset, nil
}

// noFunc adds ErrNoFunc to what is wrong with the file; errors of reading stay.
func noFunc(err error) error {
	for _, e := range []error{errNotELF, errTruncated, errTooLarge, errNoTable, errNoName, errInlined, errNoText} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", ErrNoFunc, err)
		}
	}
	return err
}

var (
	errNoTable = errors.New("no Go function table")
	errNoName  = errors.New("not in the function table")
	errInlined = errors.New("only inlined")
)

// findPclntab finds the table by its section or, if the file has lost its
// sections, or a linker has put this one into another, by its magic number.
func (im *image) findPclntab() (pclntab, error) {
	looksGo := len(im.sections) == 0
	for _, s := range im.sections {
		switch {
		case s.name == ".gopclntab", s.name == ".data.rel.ro.gopclntab":
			if t, ok := im.parsePclntab(s.address); ok {
				return t, nil
			}
			looksGo = true
		case strings.HasPrefix(s.name, ".go."), strings.HasPrefix(s.name, ".note.go."):
			looksGo = true
		}
	}
	if !looksGo {
		return pclntab{}, errNoTable
	}
	return im.scanPclntab()
}

func (im *image) scanPclntab() (t pclntab, err error) {
	magic := binary.LittleEndian.AppendUint32(nil, pclntabMagic)
	ok := false
	all := func(segment) bool { return true }
	err = im.scan(append(magic, 0, 0), all, func(address uint64) bool {
		t, ok = im.parsePclntab(address)
		return ok
	})
	if err == nil && !ok {
		err = errNoTable
	}
	return t, err
}

// parsePclntab reads the header at address.
func (im *image) parsePclntab(address uint64) (pclntab, bool) {
	head, err := im.read(address, pcHeaderSize)
	if err != nil {
		return pclntab{}, false
	}
	le := binary.LittleEndian
	quantum, pointer := head[6], head[7]
	if le.Uint32(head) != pclntabMagic || head[4] != 0 || head[5] != 0 || pointer != 8 ||
		quantum != 1 && quantum != 4 {
		return pclntab{}, false
	}
	word := func(i int) uint64 { return le.Uint64(head[8+8*i:]) }
	t := pclntab{address: address, nfunc: word(0), names: word(3), cus: word(4), funcs: word(7)}
	ok := t.nfunc <= maxFuncs && pcHeaderSize <= t.names && t.names < t.cus && t.cus < t.funcs && t.funcs <= maxRead
	return t, ok
}

// findEntry returns the offset of the function's entry from the start of the code.
func (im *image) findEntry(t pclntab, name string) (uint32, error) {
	index, err := im.findName(t, name)
	if err != nil {
		return 0, err
	}
	s, _ := im.at(t.address)
	rest := min(s.size-(t.address-s.address), maxRead)
	if rest < t.funcs || (rest-t.funcs)/8 < t.nfunc {
		return 0, fmt.Errorf("function table: %w", errTruncated)
	}
	pairs, err := im.read(t.address+t.funcs, t.nfunc*8)
	if err != nil {
		return 0, fmt.Errorf("function table: %w", err)
	}
	offset, _ := im.fileOffset(t.address + t.funcs)
	entry, ok := uint32(0), false
	err = im.search(offset, rest-t.funcs, binary.LittleEndian.AppendUint32(nil, index), func(at uint64) bool {
		entry, ok = im.entryAt(offset, at, pairs)
		return ok
	})
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", name, errInlined)
	}
	return entry, err
}

// findName returns where among the function names the name is.
func (im *image) findName(t pclntab, name string) (uint32, error) {
	offset, ok := im.fileOffset(t.address + t.names)
	end, ok2 := im.fileOffset(t.address + t.cus - 1)
	if !ok || !ok2 || end-offset != t.cus-1-t.names {
		return 0, fmt.Errorf("function names: %w", errTruncated)
	}
	index, found := uint64(0), false
	// The first name is that of no function, so all have a zero before them.
	err := im.search(offset, t.cus-t.names, []byte("\x00"+name+"\x00"), func(at uint64) bool {
		index, found = at+1, true
		return true
	})
	if err == nil && !found {
		err = fmt.Errorf("%s: %w", name, errNoName)
	}
	return uint32(index), err
}

// entryAt returns the entry of the function whose name is the word at distance at
// from the function table, if that is such a word: a runtime._func begins with
// entry and name, and the table (runtime.functab), pairs ordered by entry, says
// where there is one.
func (im *image) entryAt(table, at uint64, pairs []byte) (uint32, bool) {
	if at < 4 {
		return 0, false
	}
	word, err := im.readFile(table+at-4, 4)
	if err != nil {
		return 0, false
	}
	le := binary.LittleEndian
	entry := le.Uint32(word)
	i := sort.Search(len(pairs)/8, func(i int) bool { return le.Uint32(pairs[8*i:]) >= entry })
	ok := i < len(pairs)/8 && le.Uint32(pairs[8*i:]) == entry && uint64(le.Uint32(pairs[8*i+4:])) == at-4
	return entry, ok
}
