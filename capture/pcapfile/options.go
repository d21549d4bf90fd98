package pcapfile

import (
	"bytes"
	"encoding/binary"
)

// Option codes (draft-ietf-opsawg-pcapng, sections 3.5, 4.1, 4.2, 4.3).
const (
	optEnd             = 0
	optComment         = 1
	optCustomBinary    = 2989
	optCustomNoCopy    = 19373
	optApplication     = 4  // shb_userappl
	optInterfaceName   = 2  // if_name
	optTimeResolution  = 9  // if_tsresol
	optTimeOffset      = 14 // if_tsoffset
	optPacketFlags     = 2  // epb_flags, pack_flags
	optInterfaceDrops  = 5  // isb_ifdrop
	optSystemDrops     = 7  // isb_osdrop
	packetFlagsDirBits = 3
)

// enterprise is the private enterprise number of our custom options; RFC 5612
// sets it aside for documentation.
const enterprise = 32473

// optionMagic begins the value of our custom options, after the enterprise number.
const optionMagic = "gopx1"

// maxOption is the longest option value in bytes.
const maxOption = 65535

// options walks a list of options. A list that is cut ends early.
type options struct {
	order binary.ByteOrder
	rest  []byte
	code  uint16
	value []byte
}

// next moves to the next option and tells whether there is one.
func (o *options) next() bool {
	if len(o.rest) < 4 {
		return false
	}
	code, n := o.order.Uint16(o.rest), int(o.order.Uint16(o.rest[2:]))
	if code == optEnd || n > len(o.rest)-4 {
		return false
	}
	o.code, o.value = code, o.rest[4:4+n]
	o.rest = o.rest[min(4+padded(n), len(o.rest)):]
	return true
}

// ours returns the value of the option behind our magic, if it is one of our
// custom options. The enterprise number may stand in either byte order: programs
// that swap blocks do not agree on whether it is part of the opaque value.
func (o *options) ours() ([]byte, bool) {
	if o.code != optCustomBinary && o.code != optCustomNoCopy || len(o.value) < 4 {
		return nil, false
	}
	if le.Uint32(o.value) != enterprise && binary.BigEndian.Uint32(o.value) != enterprise {
		return nil, false
	}
	return bytes.CutPrefix(o.value[4:], []byte(optionMagic))
}

// appendOption appends an option; a value over maxOption is cut.
func appendOption[T []byte | string](b []byte, code uint16, value T) []byte {
	n := min(len(value), maxOption)
	b = le.AppendUint16(b, code)
	b = le.AppendUint16(b, uint16(n))
	b = append(b, value[:n]...)
	return appendPadding(b, n)
}

// appendCustomHeader appends our custom option up to and with the magic;
// n bytes and their padding must follow.
func appendCustomHeader(b []byte, n int) []byte {
	b = le.AppendUint16(b, optCustomBinary)
	b = le.AppendUint16(b, uint16(4+len(optionMagic)+n))
	b = le.AppendUint32(b, enterprise)
	return append(b, optionMagic...)
}
