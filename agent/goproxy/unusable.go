package goproxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Unusable says why the go command can't use a complete answer with a 2xx
// status; empty if it can, as far as the start of the body tells.
func Unusable(r *trace.Request) string {
	if r.Status < 200 || r.Status > 299 || !r.ResponseComplete || !asksAll(r) || !isFile(r.Purpose) && r.Purpose != trace.PurposeGoImport {
		return ""
	}
	switch {
	case r.Status != 200:
		return fmt.Sprintf("HTTP %d, and go takes 200 alone", r.Status)
	case !isFile(r.Purpose):
		return ""
	case IsPage(r):
		return "a web page came in place of the file"
	case r.ResponseBytes == 0 && r.Purpose != trace.PurposeList:
		return "an empty answer"
	}
	return ""
}

// Short reports whether an answer ended in good order with fewer bytes than it
// announced. HTTP/2 can do that: RFC 9113, section 8.1.1 calls it malformed.
func Short(r *trace.Request) bool {
	length, err := strconv.ParseUint(r.Header("Content-Length"), 10, 64)
	return err == nil && r.Protocol == "HTTP/2.0" && r.Method != "HEAD" && r.ResponseComplete &&
		r.Status >= 200 && r.Status < 300 && r.ResponseBytes < length
}

// asksAll reports whether a request is for a whole file, as the go command's
// are: not for its headers alone, nor for a part of it.
func asksAll(r *trace.Request) bool {
	return r.Method != "HEAD" && trace.First(r.Headers, "Range") == ""
}

// IsPage reports whether an answer is a web page.
func IsPage(r *trace.Request) bool {
	if strings.Contains(strings.ToLower(r.Header("Content-Type")), "text/html") {
		return true
	}
	return bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}

// isFile reports whether a request is for something with a format of its own
// that is never a web page.
func isFile(purpose string) bool {
	switch purpose {
	case trace.PurposeList, trace.PurposeInfo, trace.PurposeMod, trace.PurposeZip, trace.PurposeLatest,
		trace.PurposeToolchain, trace.PurposeLookup, trace.PurposeTile:
		return true
	}
	return false
}
