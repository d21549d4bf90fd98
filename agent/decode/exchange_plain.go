package decode

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxPlain is how much Plain expands at most, in bytes: a few kilobytes can
// hold gigabytes.
const maxPlain = 64 << 10

// Plain returns the kept start of an answer without its content coding (gzip
// or deflate, RFC 9110, section 8.4.1). A start that was cut gives what can be
// had of it; of other codings, and of bytes that are not in theirs, it is the
// bytes themselves.
func Plain(r *trace.Request) []byte {
	var z io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(r.Header("Content-Encoding"))) {
	case "gzip", "x-gzip":
		z, err = gzip.NewReader(bytes.NewReader(r.Body))
	case "deflate":
		z, err = zlib.NewReader(bytes.NewReader(r.Body))
	default:
		return r.Body
	}
	if err != nil {
		return r.Body
	}
	// An error here is the end of what was kept.
	plain, _ := io.ReadAll(io.LimitReader(z, maxPlain))
	return plain
}
