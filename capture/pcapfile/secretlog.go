package pcapfile

import (
	"bytes"
	"crypto/sha256"

	"github.com/gopx-trace/gopx-trace/capture"
)

// roomSize is how many bytes of key log are reserved at the front of a
// recording: some 5000 secrets, or 1000 TLS 1.3 connections.
const roomSize = 1 << 20

// maxKnown bounds how many secrets are remembered so as not to write them twice.
const maxKnown = 1 << 20

// secretLog is where the secrets of a recording go.
type secretLog struct {
	// at is the offset in the file of the secrets block with the room; used
	// and room are bytes of its key log behind the mark.
	at         int64
	used, room int
	// loose are the secrets blocks in the stream, in order.
	loose []extent
	// lines maps the hash of a line to its number; count is that of all lines.
	lines map[[sha256.Size]byte]int
	count int
	line  []byte
}

// extent is a piece of the file.
type extent struct{ off, size int64 }

// end is the offset behind the block with the room.
func (l *secretLog) end() int64 { return l.at + roomBlock(l.room) }

// start is the offset of the first line in the block with the room.
func (l *secretLog) start() int64 { return l.at + 8 + secretsFields + int64(len(recordingMark)) }

// roomBlock is the size of a secrets block with n bytes of key log behind the mark.
func roomBlock(n int) int64 {
	return int64(blockOverhead + secretsFields + padded(len(recordingMark)+n))
}

// appendRoom appends a secrets block with room for n bytes of lines.
func appendRoom(b []byte, n int) []byte {
	return appendSecretsBlock(b, bytes.Repeat([]byte{'\n'}, n))
}

func appendSecretsBlock(b, lines []byte) []byte {
	start := len(b)
	b = appendBlockHeader(b, blockSecrets)
	b = le.AppendUint32(b, secretsTLS)
	b = le.AppendUint32(b, uint32(len(recordingMark)+len(lines)))
	b = append(b, recordingMark...)
	b = append(b, lines...)
	return endBlock(b, start)
}

// secret records a secret: the line at the front of the file, a reference to it
// in the stream.
func (w *Writer) secret(s *capture.Secret) {
	ref := &secretReference{Time: s.Time, PID: s.PID, From: s.From}
	line, ok := appendSecret(w.log.line[:0], s)
	w.log.line = line
	if ok {
		n, written := w.secretLine(line)
		if !written {
			return
		}
		ref.Line = &n
	} else {
		ref.Inline = &secret{Label: s.Label, ClientRandom: s.ClientRandom, Secret: s.Secret}
	}
	w.event(typeSecret, ref)
}

// secretLine returns the number of a line, which it writes if it is new, and
// whether it is in the file.
func (w *Writer) secretLine(line []byte) (n int, written bool) {
	sum := sha256.Sum256(line)
	if n, ok := w.log.lines[sum]; ok {
		return n, true
	}
	if len(line) <= w.log.room-w.log.used {
		written = w.writeInRoom(line)
	} else {
		written = w.writeLoose(line)
	}
	if !written {
		return 0, false
	}
	n = w.log.count
	w.log.count++
	if len(w.log.lines) < maxKnown {
		w.log.lines[sum] = n
	}
	return n, true
}

func (w *Writer) writeInRoom(line []byte) bool {
	if _, err := w.f.WriteAt(line, w.log.start()+int64(w.log.used)); err != nil {
		w.fail(err)
		return false
	}
	w.log.used += len(line)
	return true
}

// writeLoose writes a secrets block into the stream. What has not enough room
// below the maximum size is left out.
func (w *Writer) writeLoose(line []byte) bool {
	size := roomBlock(len(line))
	if !w.admit(typeSecret, size) {
		return false
	}
	w.log.loose = append(w.log.loose, extent{w.size(), size})
	w.buf = appendSecretsBlock(w.buf, line)
	return true
}
