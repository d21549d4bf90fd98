package pcapfile

import (
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// ownerFields are the bytes ahead of the process name in our packet option:
// socket cookie, process id, marks.
const ownerFields = 13

// Marks of a packet: [capture.Packet.Filled] and [capture.Packet.Upstream].
const (
	markFilled   = 1 << 0
	markUpstream = 1 << 1
)

// upstreamComment stands at a packet of the local resolver in place of a process.
const upstreamComment = "local resolver"

// maxName bounds the process name of a packet, in bytes. The kernel's has at
// most 15 (TASK_COMM_LEN).
const maxName = 255

// maxPacketBlock bounds the block of a packet, in bytes: data, fields, flags,
// comment and owner.
const maxPacketBlock = maxPacket + 2048

const beginEnvelope = `{"type":"begin"}`

func appendSection(b []byte, application string) []byte {
	start := len(b)
	b = appendBlockHeader(b, blockSection)
	b = le.AppendUint32(b, byteOrderMagic)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, 1<<64-1) // section length: not given
	if application != "" {
		b = appendOption(b, optApplication, strings.ToValidUTF8(application, "\ufffd"))
	}
	b = appendOption(b, optEnd, "")
	return endBlock(b, start)
}

func appendInterface(b []byte, link capture.LinkType) []byte {
	start := len(b)
	b = appendBlockHeader(b, blockInterface)
	b = le.AppendUint16(b, uint16(link))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, 0) // no snap length
	if link == capture.LinkRaw {
		b = appendOption(b, optInterfaceName, "traced command")
	}
	b = appendOption(b, optTimeResolution, string([]byte{byte(nanoseconds)}))
	b = appendOption(b, optEnd, "")
	return endBlock(b, start)
}

// appendStamp appends the two timestamp words. Times that do not fit, before
// 1970 or after 2554, become the nearest that does.
func appendStamp(b []byte, t time.Time) []byte {
	const maxSec = (1<<64 - 1) / uint64(time.Second)
	stamp := uint64(0)
	switch sec := t.Unix(); {
	case sec >= 0 && uint64(sec) < maxSec:
		stamp = uint64(sec)*uint64(time.Second) + uint64(t.Nanosecond())
	case sec >= 0:
		stamp = 1<<64 - 1
	}
	b = le.AppendUint32(b, uint32(stamp>>32))
	return le.AppendUint32(b, uint32(stamp))
}

// appendPacket appends an Enhanced Packet Block with data, which is the
// beginning of p.Data.
func appendPacket(b []byte, p *capture.Packet, data []byte, link uint32) []byte {
	start := len(b)
	b = appendBlockHeader(b, blockEnhanced)
	b = le.AppendUint32(b, link)
	b = appendStamp(b, p.Time)
	b = le.AppendUint32(b, uint32(len(data)))
	b = le.AppendUint32(b, uint32(max(p.Length, len(data))))
	b = append(b, data...)
	b = appendPadding(b, len(data))
	options := len(b)
	if p.Direction != capture.DirectionUnknown {
		b = le.AppendUint16(b, optPacketFlags)
		b = le.AppendUint16(b, 4)
		b = le.AppendUint32(b, uint32(p.Direction))
	}
	if p.Socket != 0 || p.PID != 0 || p.Comm != "" || marks(p) != 0 {
		b = appendOwner(b, p)
	}
	if len(b) > options {
		b = appendOption(b, optEnd, "")
	}
	return endBlock(b, start)
}

// appendOwner appends the comment, if there is a process, and our option.
func appendOwner(b []byte, p *capture.Packet) []byte {
	name := p.Comm[:min(len(p.Comm), maxName)]
	switch {
	case p.Upstream:
		b = appendOption(b, optComment, upstreamComment)
	case p.PID != 0 || name != "":
		start := len(b)
		b = append(b, optComment, 0, 0, 0)
		b = append(b, strings.ToValidUTF8(name, "\ufffd")...)
		if p.PID != 0 {
			b = append(b, '[')
			b = strconv.AppendUint(b, uint64(p.PID), 10)
			b = append(b, ']')
		}
		n := len(b) - start - 4
		le.PutUint16(b[start+2:], uint16(n))
		b = appendPadding(b, n)
	}
	start := len(b)
	b = appendCustomHeader(b, ownerFields+len(name))
	b = le.AppendUint64(b, p.Socket)
	b = le.AppendUint32(b, p.PID)
	b = append(b, marks(p))
	b = append(b, name...)
	return appendPadding(b, len(b)-start)
}

func marks(p *capture.Packet) byte {
	var m byte
	if p.Filled {
		m |= markFilled
	}
	if p.Upstream {
		m |= markUpstream
	}
	return m
}

// maxPart is how much of an envelope fits into one option: the enterprise
// number, the magic and the mark for the last part take the rest.
const maxPart = maxOption - 4 - len(optionMagic) - 1

// appendEvent appends an Interface Statistics Block with an envelope, in as many
// options as it takes.
func appendEvent[T []byte | string](b []byte, t time.Time, envelope T) []byte {
	start := len(b)
	b = appendBlockHeader(b, blockStatistics)
	b = le.AppendUint32(b, 0) // interface
	b = appendStamp(b, t)
	for {
		n, mark := len(envelope), byte(lastPart)
		if n > maxPart {
			n, mark = maxPart, morePart
		}
		b = appendCustomHeader(b, 1+n)
		b = append(b, mark)
		b = append(b, envelope[:n]...)
		b = appendPadding(b, 4+len(optionMagic)+1+n)
		envelope = envelope[n:]
		if mark == lastPart {
			break
		}
	}
	b = appendOption(b, optEnd, "")
	return endBlock(b, start)
}

// envelopeSize bounds the size of the block that appendEvent makes of n bytes.
func envelopeSize(n int) int {
	const perOption = 4 + 4 + len(optionMagic) + 1 + 3
	return blockOverhead + statFields + 4 + n + (n/maxPart+1)*perOption
}
