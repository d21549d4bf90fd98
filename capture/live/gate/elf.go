//go:build linux

package gate

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"strings"
)

// Constants of the ELF format (elf(5)).
const (
	elfHeaderSize  = 64
	elfProgramSize = 56
	elfDynamicSize = 16
	ptLoad         = 1
	ptDynamic      = 2
	dtNeeded       = 1
	dtStrtab       = 5
)

// Limits of what is read of an executable: real ones have some dozens each.
const (
	maxPrograms = 256
	maxDynamic  = 64 << 10 // bytes
	maxNeeded   = 512
	maxSoname   = 256
)

// linkedTLS returns the TLS library that an executable is linked to:
// "openssl", "gnutls" or "none". What it loads later (dlopen) is not seen.
func linkedTLS(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return noTLS
	}
	defer f.Close()
	return stackOf(needed(f))
}

// stackOf names the TLS library among shared libraries. libcurl is the one of
// git-remote-https: its name tells which library it is built with.
func stackOf(libraries []string) string {
	for _, lib := range libraries {
		switch {
		case strings.HasPrefix(lib, "libssl.so"), strings.HasPrefix(lib, "libcurl.so"):
			return openSSL
		case strings.HasPrefix(lib, "libgnutls.so"), strings.HasPrefix(lib, "libcurl-gnutls.so"):
			return gnuTLS
		}
	}
	return noTLS
}

// segment is a program header's part of the file.
type segment struct {
	kind               uint32
	offset, addr, size uint64 // in the file
}

// needed returns the DT_NEEDED entries of a 64-bit little-endian ELF file, the
// only kind that runs on amd64 and arm64; none for anything else.
func needed(r io.ReaderAt) []string {
	segments := segmentsOf(r)
	var dynamic []byte
	for _, s := range segments {
		if s.kind == ptDynamic {
			dynamic = readAt(r, s.offset, min(s.size, maxDynamic))
		}
	}
	var names []uint64
	var table uint64
	for ; len(dynamic) >= elfDynamicSize; dynamic = dynamic[elfDynamicSize:] {
		tag, value := binary.LittleEndian.Uint64(dynamic), binary.LittleEndian.Uint64(dynamic[8:])
		switch tag {
		case dtNeeded:
			if len(names) < maxNeeded {
				names = append(names, value)
			}
		case dtStrtab:
			table = value
		}
	}
	base, ok := fileOffset(segments, table)
	if !ok {
		return nil
	}
	return sonames(r, base, names)
}

// segmentsOf reads the program headers.
func segmentsOf(r io.ReaderAt) []segment {
	h := readAt(r, 0, elfHeaderSize)
	if len(h) < elfHeaderSize || !bytes.HasPrefix(h, []byte("\x7fELF\x02\x01")) {
		return nil
	}
	le := binary.LittleEndian
	offset, entry, count := le.Uint64(h[32:]), le.Uint16(h[54:]), le.Uint16(h[56:])
	if entry != elfProgramSize || count > maxPrograms {
		return nil
	}
	b := readAt(r, offset, uint64(count)*elfProgramSize)
	var segments []segment
	for ; len(b) >= elfProgramSize; b = b[elfProgramSize:] {
		segments = append(segments, segment{
			kind: le.Uint32(b), offset: le.Uint64(b[8:]), addr: le.Uint64(b[16:]), size: le.Uint64(b[32:]),
		})
	}
	return segments
}

// fileOffset returns where in the file an address lies.
func fileOffset(segments []segment, addr uint64) (uint64, bool) {
	for _, s := range segments {
		if s.kind == ptLoad && addr >= s.addr && addr-s.addr < s.size {
			return s.offset + (addr - s.addr), true
		}
	}
	return 0, false
}

// sonames reads the names at their offsets in the string table.
func sonames(r io.ReaderAt, base uint64, offsets []uint64) []string {
	var names []string
	for _, o := range offsets {
		name, _, ended := bytes.Cut(readAt(r, base+o, maxSoname), []byte{0})
		if ended {
			names = append(names, string(name))
		}
	}
	return names
}

// readAt returns up to n bytes at an offset; fewer at the end of the file, none
// if the offset makes no sense.
func readAt(r io.ReaderAt, offset, n uint64) []byte {
	if int64(offset) < 0 || int64(offset)+int64(n) < 0 {
		return nil
	}
	b := make([]byte, n)
	got, _ := r.ReadAt(b, int64(offset))
	return b[:got]
}
