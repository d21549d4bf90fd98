package goproxy

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Unusable says why the go command can't use a complete answer with a 2xx
// status; empty if it can, as far as the start of the body tells.
func Unusable(r *trace.Request) string {
	if r.Status < 200 || r.Status > 299 || !r.ResponseComplete || !isFile(r.Purpose) || !asksAll(r) {
		return ""
	}
	switch {
	case r.Status != 200:
		return fmt.Sprintf("HTTP %d, and go takes 200 alone", r.Status)
	case IsPage(r):
		return "a web page came in place of the file"
	case r.ResponseBytes == 0 && r.Purpose != trace.PurposeList:
		return "an empty answer"
	}
	return ""
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
