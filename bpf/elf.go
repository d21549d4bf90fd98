package bpf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits on what a hostile file can make us read.
const (
	maxSegments = 1 << 10
	maxSections = 1 << 14
	maxRead     = 256 << 20
	maxOffset   = 1 << 62
	// scanWindow is how much is searched at once; it fits into a CPU's cache.
	scanWindow = 128 << 10
	// maxMatches bounds how often one search can succeed.
	maxMatches = 1 << 16
)

// Sizes of the ELF64 structures ([elf.Header64], [elf.Prog64], [elf.Section64]).
const (
	headerSize  = 64
	programSize = 56
	sectionSize = 64
)

var (
	errNotELF    = errors.New("not a 64-bit little-endian ELF file")
	errTruncated = errors.New("reaches beyond the end of the file")
	errTooLarge  = errors.New("is larger than an executable has reason to be")
)

// segment is a part of the file that is mapped into memory.
type segment struct {
	address, offset, size uint64
	executable, writable  bool
}

// section is a named part of an image, which execution does not need.
type section struct {
	name          string
	address, size uint64
}

// image is an executable, read by the addresses it is linked for. debug/elf does
// the same, but reads more than we need and is not made for hostile files.
type image struct {
	r        io.ReaderAt
	segments []segment
	sections []section
	// dynamic is the segment of the dynamic linker's table; size 0 if none.
	dynamic segment
	// window is the buffer of search.
	window []byte
}

// openImage reads the headers.
func openImage(r io.ReaderAt) (*image, error) {
	im := &image{r: r}
	head, err := im.readFile(0, headerSize)
	if errors.Is(err, errTruncated) {
		return nil, errNotELF
	} else if err != nil {
		return nil, err
	}
	if string(head[:4]) != elf.ELFMAG || elf.Class(head[4]) != elf.ELFCLASS64 || elf.Data(head[5]) != elf.ELFDATA2LSB {
		return nil, errNotELF
	}
	le := binary.LittleEndian
	err = im.readSegments(le.Uint64(head[32:]), le.Uint16(head[54:]), le.Uint16(head[56:]))
	if err != nil {
		return nil, fmt.Errorf("program headers: %w", err)
	}
	err = im.readSections(le.Uint64(head[40:]), le.Uint16(head[58:]), le.Uint16(head[60:]), le.Uint16(head[62:]))
	if err != nil {
		// Some packers cut them off and leave the header as it was.
		im.sections = nil
	}
	return im, nil
}

// readSegments reads n program headers of the given size at offset.
func (im *image) readSegments(offset uint64, size, n uint16) error {
	if size != programSize || n > maxSegments {
		return errNotELF
	}
	table, err := im.readFile(offset, uint64(n)*programSize)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	for ; len(table) > 0; table = table[programSize:] {
		flags := elf.ProgFlag(le.Uint32(table[4:]))
		s := segment{
			offset:     le.Uint64(table[8:]),
			address:    le.Uint64(table[16:]),
			size:       le.Uint64(table[32:]),
			executable: flags&elf.PF_X != 0,
			writable:   flags&elf.PF_W != 0,
		}
		switch elf.ProgType(le.Uint32(table)) {
		case elf.PT_LOAD:
			im.segments = append(im.segments, s)
		case elf.PT_DYNAMIC:
			im.dynamic = s
		}
	}
	return nil
}

// readSections reads n section headers of the given size at offset; names is the
// index of the section that holds their names.
func (im *image) readSections(offset uint64, size, n, names uint16) error {
	if n == 0 {
		return nil
	}
	if size != sectionSize || n > maxSections || names >= n {
		return errNotELF
	}
	table, err := im.readFile(offset, uint64(n)*sectionSize)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	strings := table[int(names)*sectionSize:]
	text, err := im.readFile(le.Uint64(strings[24:]), le.Uint64(strings[32:]))
	if err != nil {
		return err
	}
	for ; len(table) > 0; table = table[sectionSize:] {
		name := text[min(uint64(le.Uint32(table)), uint64(len(text))):]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		im.sections = append(im.sections, section{string(name), le.Uint64(table[16:]), le.Uint64(table[32:])})
	}
	return nil
}

// readFile returns n bytes from offset on.
func (im *image) readFile(offset, n uint64) ([]byte, error) {
	if n > maxRead {
		return nil, errTooLarge
	}
	end := offset + n
	if end < offset || end > maxOffset {
		return nil, errTruncated
	}
	// Look for the last byte before making room for all of them.
	var last [1]byte
	if n > 0 {
		if got, err := im.r.ReadAt(last[:], int64(end-1)); got == 0 {
			return nil, truncated(err)
		}
	}
	b := make([]byte, n)
	if got, err := im.r.ReadAt(b, int64(offset)); got < len(b) {
		return nil, truncated(err)
	}
	return b, nil
}

// truncated makes an end of file ours; other errors stay.
func truncated(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errTruncated
	}
	return err
}

// at returns the segment that holds the address in the file.
func (im *image) at(address uint64) (segment, bool) {
	for _, s := range im.segments {
		if address >= s.address && address-s.address < s.size {
			return s, true
		}
	}
	return segment{}, false
}

// read returns n bytes of memory.
func (im *image) read(address, n uint64) ([]byte, error) {
	s, ok := im.at(address)
	if !ok || s.size-(address-s.address) < n {
		return nil, errTruncated
	}
	return im.readFile(s.offset+(address-s.address), n)
}

// inCode reports whether the address is that of an instruction.
func (im *image) inCode(address uint64) bool {
	s, ok := im.at(address)
	return ok && s.executable
}

// fileOffset returns where in the file the byte at the address is.
func (im *image) fileOffset(address uint64) (uint64, bool) {
	s, ok := im.at(address)
	return s.offset + (address - s.address), ok
}

// search looks for pattern in n bytes of the file from offset on and calls found
// with the distance of each occurrence, until that returns true or maxMatches are
// reached.
func (im *image) search(offset, n uint64, pattern []byte, found func(uint64) bool) error {
	if im.window == nil {
		im.window = make([]byte, scanWindow)
	}
	if n > maxRead || offset > maxOffset {
		return errTooLarge
	}
	matches, overlap := 0, uint64(len(pattern)-1)
	for done := uint64(0); done < n; done += scanWindow - overlap {
		window := im.window[:min(scanWindow, n-done)]
		if got, err := im.r.ReadAt(window, int64(offset+done)); got < len(window) {
			return truncated(err)
		}
		for start := 0; ; start++ {
			i := bytes.Index(window[start:], pattern)
			if i < 0 {
				break
			}
			start += i
			if matches++; matches > maxMatches || found(done+uint64(start)) {
				return nil
			}
		}
	}
	return nil
}

// scan looks for pattern in the memory of the segments that keep accepts, at
// addresses that are multiples of 8, and calls found for each, until that returns
// true.
func (im *image) scan(pattern []byte, keep func(segment) bool, found func(address uint64) bool) error {
	for _, s := range im.segments {
		if !keep(s) || s.size > maxRead {
			continue
		}
		stop := false
		err := im.search(s.offset, s.size, pattern, func(at uint64) bool {
			stop = (s.address+at)%8 == 0 && found(s.address+at)
			return stop
		})
		if stop || err != nil {
			return err
		}
	}
	return nil
}
