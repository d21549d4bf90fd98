package bpf

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

var errNoText = errors.New("start of the Go code not found")

// Words of runtime.moduledata (runtime/symtab.go) from its beginning: the same
// from Go 1.20 on. The slice of names shows that it is one.
const (
	wordHeader   = 0 // pcHeader
	wordNames    = 1 // funcnametab: pointer, length, capacity
	wordNamesLen = 2
	wordNamesCap = 3
	wordMinPC    = 20
	wordMaxPC    = 21
	wordText     = 22
	moduleWords  = 23
)

// maxTablePadding bounds the gap between two parts of a pclntab.
const maxTablePadding = 64

// maxCandidates bounds how many places are examined; a program has one or two.
const maxCandidates = 64

// findText returns the address that entries of functions count from. Only
// moduledata.text can be trusted: the pclntab of Go 1.26 has it no more, and a
// .text section that a C linker made begins with C code. A guess would place a
// breakpoint into the middle of an instruction.
func (im *image) findText(t pclntab) (uint64, error) {
	relocations, err := im.relocations()
	if err != nil {
		return 0, fmt.Errorf("relocations: %w", err)
	}
	text, candidates := uint64(0), 0
	try := func(address uint64) (ok bool) {
		text, ok = im.moduleText(t, address, relocations)
		candidates++
		return ok || candidates == maxCandidates
	}
	for r := relocations; len(r) > 0; r = r[relaSize:] {
		if at, value, ok := relative(r); ok && value == t.address && try(at) {
			return text, textError(text)
		}
	}
	pointer := binary.LittleEndian.AppendUint64(nil, t.address)
	writable := func(s segment) bool { return s.writable }
	if err := im.scan(pointer, writable, try); err != nil {
		return 0, err
	}
	return text, textError(text)
}

func textError(text uint64) error {
	if text == 0 {
		return errNoText
	}
	return nil
}

// moduleText returns the text word of the moduledata at address, if it is one.
func (im *image) moduleText(t pclntab, address uint64, relocations []byte) (uint64, bool) {
	b, err := im.read(address, moduleWords*8)
	if err != nil {
		return 0, false
	}
	var words [moduleWords]uint64
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	for r := relocations; len(r) > 0; r = r[relaSize:] {
		if at, value, ok := relative(r); ok && at-address < moduleWords*8 && (at-address)%8 == 0 {
			words[(at-address)/8] = value
		}
	}
	text := words[wordText]
	ok := words[wordHeader] == t.address &&
		words[wordNames] == t.address+t.names &&
		words[wordNamesLen] == words[wordNamesCap] &&
		t.cus-t.names-words[wordNamesLen] < maxTablePadding &&
		text <= words[wordMinPC] && words[wordMinPC] < words[wordMaxPC] &&
		im.inCode(text)
	if !ok {
		return 0, false
	}
	return text, true
}

// Elf64_Rela: offset, info, addend.
const relaSize = 24

// relative returns the place and the value of the relocation at the start of b, if
// it is one that only adds the load address.
func relative(b []byte) (at, value uint64, ok bool) {
	le := binary.LittleEndian
	switch uint32(le.Uint64(b[8:])) {
	case uint32(elf.R_X86_64_RELATIVE), uint32(elf.R_AARCH64_RELATIVE):
		return le.Uint64(b), le.Uint64(b[16:]), true
	}
	return 0, 0, false
}

// relocations returns the table of Elf64_Rela that the dynamic linker applies,
// empty if there is none: in a position-independent program moduledata is zero in
// the file and its pointers are in there.
func (im *image) relocations() ([]byte, error) {
	if im.dynamic.size == 0 {
		return nil, nil
	}
	dynamic, err := im.readFile(im.dynamic.offset, im.dynamic.size)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	var address, size uint64
	for ; len(dynamic) >= 16; dynamic = dynamic[16:] {
		switch elf.DynTag(le.Uint64(dynamic)) {
		case elf.DT_RELA:
			address = le.Uint64(dynamic[8:])
		case elf.DT_RELASZ:
			size = le.Uint64(dynamic[8:])
		}
	}
	if size == 0 {
		return nil, nil
	}
	return im.read(address, size-size%relaSize)
}
