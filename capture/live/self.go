//go:build linux

package live

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// self is our own program in memory, whose variables can be read by name, as a
// debugger does.
type self struct {
	file *elf.File
	mem  *os.File
	// names and entries are the symbol table; (*elf.File).Symbols would make a value
	// of each of its tens of thousands.
	names, entries []byte
	// slide is how far from its addresses the program was loaded.
	slide uint64
}

// openSelf opens it; an error if it has no symbols.
func openSelf() (*self, error) {
	f, err := elf.Open(proc + "/self/exe")
	if err != nil {
		return nil, err
	}
	p := &self{file: f}
	if err = p.open(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *self) open() (err error) {
	table := p.file.SectionByType(elf.SHT_SYMTAB)
	if table == nil || int(table.Link) >= len(p.file.Sections) || p.file.Class != elf.ELFCLASS64 {
		return errors.New("our program has no symbols")
	}
	if p.names, err = p.file.Sections[table.Link].Data(); err != nil {
		return err
	}
	if p.entries, err = table.Data(); err != nil {
		return err
	}
	if p.slide, err = loadedAt(p.file.Entry); err != nil {
		return err
	}
	p.mem, err = os.Open(proc + "/self/mem")
	return err
}

func (p *self) close() {
	p.file.Close()
	if p.mem != nil {
		p.mem.Close()
	}
}

// words reads a variable of n 64-bit words.
func (p *self) words(name string, n int) ([]uint64, error) {
	at := bytes.Index(p.names, []byte("\x00"+name+"\x00")) + 1
	order := p.file.ByteOrder
	for e := p.entries; at > 0 && len(e) >= elf.Sym64Size; e = e[elf.Sym64Size:] {
		if order.Uint32(e) != uint32(at) || order.Uint64(e[16:]) != uint64(n)*8 {
			continue
		}
		b := make([]byte, n*8)
		if _, err := p.mem.ReadAt(b, int64(order.Uint64(e[8:])+p.slide)); err != nil {
			return nil, err
		}
		list := make([]uint64, n)
		for i := range list {
			list[i] = order.Uint64(b[8*i:])
		}
		return list, nil
	}
	return nil, fmt.Errorf("our program has no variable %s of %d words", name, n)
}

// auxEntry is AT_ENTRY of getauxval(3): where the program begins.
const auxEntry = 9

// loadedAt is how far from entry our program begins: 0 unless it is
// position-independent.
func loadedAt(entry uint64) (uint64, error) {
	b, err := os.ReadFile(proc + "/self/auxv")
	if err != nil {
		return 0, err
	}
	for ; len(b) >= 16; b = b[16:] {
		if binary.NativeEndian.Uint64(b) == auxEntry {
			return binary.NativeEndian.Uint64(b[8:]) - entry, nil
		}
	}
	return 0, errors.New("the auxiliary vector has no entry point")
}
