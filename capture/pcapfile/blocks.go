package pcapfile

import (
	"encoding/binary"
)

// Block types (draft-ietf-opsawg-pcapng, section 11.1).
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockPacket     = 2 // obsolete
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
	blockSecrets    = 10
)

// Block types that are no packets but that Wireshark counts as frames.
const (
	blockJournal       = 9
	blockCustom        = 0x00000bad
	blockCustomNoCopy  = 0x40000bad
	blockSysdigEvent   = 0x204
	blockSysdigEvent2  = 0x216
	blockSysdigEvent2L = 0x221
)

const (
	byteOrderMagic = 0x1a2b3c4d
	secretsTLS     = 0x544c534b // "TLSK": an NSS key log
)

// Sizes in bytes: of the parts of a block that are always there, and of the
// fixed fields of its body.
const (
	blockOverhead   = 12 // type, length, length
	sectionFields   = 16
	interfaceFields = 8
	packetFields    = 20 // obsolete and enhanced
	simpleFields    = 4
	statFields      = 12
	secretsFields   = 8
)

// maxBlock bounds the blocks that are read in one piece, in bytes. Blocks of
// other types are skipped, whatever their size.
const maxBlock = 32 << 20

// le is the byte order of what this package writes.
var le = binary.LittleEndian //nolint:gochecknoglobals // a shorthand, never written

// padded is n rounded up to the 32-bit boundary that blocks and options keep.
func padded[T int | int64 | uint32](n T) T { return (n + 3) &^ 3 }

// appendBlockHeader begins a block; endBlock completes it. The length field is
// left open until then.
func appendBlockHeader(b []byte, kind uint32) []byte {
	b = le.AppendUint32(b, kind)
	return append(b, 0, 0, 0, 0)
}

// endBlock pads the block that begins at start and sets both length fields.
func endBlock(b []byte, start int) []byte {
	b = appendPadding(b, len(b)-start)
	total := uint32(len(b) - start + 4)
	le.PutUint32(b[start+4:], total)
	return le.AppendUint32(b, total)
}

// appendPadding pads a field of n bytes.
func appendPadding(b []byte, n int) []byte {
	const zeros = "\x00\x00\x00"
	return append(b, zeros[:padded(n)-n]...)
}

// completeBlocks returns the length of the whole blocks at the beginning of b,
// which must begin at a block boundary.
func completeBlocks(b []byte) int {
	n := 0
	for len(b)-n >= blockOverhead {
		total := int(le.Uint32(b[n+4:]))
		if total < blockOverhead || total > len(b)-n {
			break
		}
		n += total
	}
	return n
}
