package decode

import (
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Limits of an HTTP/1 message head and of a chunk-size line, in bytes and fields.
const (
	maxHead      = 256 << 10
	maxFields    = 1024
	maxChunkLine = 4 << 10
	maxMethod    = 32
)

// head1 is the head of an HTTP/1 message: the start line and the fields.
type head1 struct {
	// method and target of a request.
	method, target string
	// version is e.g. HTTP/1.1; "" of a request without one.
	version string
	// extra is what stands between target and version and should not.
	extra string
	// status and reason of an answer.
	status int
	reason string
	fields []trace.Header
}

// matchHTTP1 accepts a request line (RFC 9112, section 3) and, while the client
// has said nothing, a status line.
func matchHTTP1(_ *Conn, d flow.Dir, first []byte) verdict {
	if d == flow.ToClient {
		return hasPrefix(first, "HTTP/")
	}
	line := strings.TrimLeft(string(first), "\r\n")
	end := strings.IndexByte(line, '\n')
	if end >= 0 {
		if _, ok := parseRequestLine(line[:end]); ok {
			return yes
		}
		return no
	}
	method, _, ended := strings.Cut(line, " ")
	if len(method) > maxMethod || (ended || method != "") && !isToken(method) {
		return no
	}
	return more
}

// hasPrefix says whether b begins with prefix, as far as b goes.
func hasPrefix(b []byte, prefix string) verdict {
	n := min(len(b), len(prefix))
	switch {
	case string(b[:n]) != prefix[:n]:
		return no
	case n < len(prefix):
		return more
	}
	return yes
}

// parseRequestLine reads "GET /path HTTP/1.1". Its parts are told apart by
// blanks (RFC 9112, section 3), and as none is allowed in a target (section
// 3.2), words between it and the version are in none of them. A line without a
// version (HTTP/0.9, or a mistake) is accepted of the methods of RFC 9110 and
// 5789 only.
func parseRequestLine(line string) (head1, bool) {
	method, rest, ok := strings.Cut(strings.TrimRight(line, " \r\n"), " ")
	h := head1{method: method, target: strings.TrimLeft(rest, " ")}
	if last := strings.LastIndexByte(h.target, ' '); last >= 0 && isVersion(h.target[last+1:]) {
		h.version = h.target[last+1:]
		h.target, h.extra, _ = strings.Cut(strings.TrimRight(h.target[:last], " "), " ")
	} else {
		ok = ok && isKnown(method) && last < 0
	}
	h.target = text(h.target)
	return h, ok && len(method) <= maxMethod && isToken(method) && h.target != ""
}

// parseCutRequestLine reads a request line whose end was not captured: the
// blank behind the target, and all that follows it, must be there so far.
func parseCutRequestLine(line string) (head1, bool) {
	method, rest, ok := strings.Cut(line, " ")
	target, version, whole := strings.Cut(rest, " ")
	h := head1{method: method, target: text(target), version: "HTTP/1.1"}
	ok = ok && whole && target != "" && isKnown(method)
	return h, ok && hasPrefix([]byte(version), "HTTP/1.") != no && len(version) <= len("HTTP/1.1\r")
}

// parseStatusLine reads "HTTP/1.1 404 Not Found"; the reason may be missing
// (RFC 9112, section 4). What senders get wrong about the version and the
// blanks is let pass.
func parseStatusLine(line string) (head1, bool) {
	line = strings.TrimRight(line, "\r\n")
	blank := strings.IndexAny(line, " \t")
	if blank < 0 || !isVersion(line[:blank]) {
		return head1{}, false
	}
	rest := strings.TrimLeft(line[blank:], " \t")
	digits := 0
	for digits < len(rest) && '0' <= rest[digits] && rest[digits] <= '9' {
		digits++
	}
	status, err := strconv.Atoi(rest[:digits])
	if digits != 3 || err != nil || status < 100 {
		return head1{}, false
	}
	return head1{version: line[:blank], status: status, reason: text(strings.TrimSpace(rest[digits:]))}, true
}

// parseStartLine reads the start line that belongs to the direction.
func parseStartLine(d flow.Dir, line string) (head1, bool) {
	if d == flow.ToServer {
		return parseRequestLine(line)
	}
	return parseStatusLine(line)
}

// isVersion accepts whatever begins like a version.
func isVersion(s string) bool {
	return len(s) > len("HTTP/") && strings.HasPrefix(s, "HTTP/") && '0' <= s[5] && s[5] <= '9'
}

// isKnown says whether method is one of RFC 9110, section 9.3, or PATCH.
func isKnown(method string) bool {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return true
	}
	return false
}

// protocol is the version in the words of the report.
func (h *head1) protocol() string {
	if h.version == "" || h.version == "HTTP/1.0" {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// isToken is token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// parseHead reads a start line and the field lines after it. Lines without a
// colon are left out; so are fields beyond maxFields, which cut reports.
func parseHead(d flow.Dir, block string) (h head1, cut, ok bool) {
	line, rest, _ := strings.Cut(block, "\n")
	h, ok = parseStartLine(d, line)
	if ok {
		h.fields, cut = parseFields(rest)
	}
	return h, cut, ok
}

// parseFields reads field lines (RFC 9112, section 5), names and values as on
// the wire, folded lines joined by one blank (section 5.2).
func parseFields(block string) (fields []trace.Header, cut bool) {
	fields = []trace.Header{}
	for block != "" {
		line, rest, _ := strings.Cut(block, "\n")
		n := len(block) - len(rest)
		for folded(rest) {
			_, rest, _ = strings.Cut(rest, "\n")
		}
		if end := len(block) - len(rest); end > n {
			line = unfold(block[:end])
		}
		block = rest
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		if len(fields) == maxFields {
			return fields, true
		}
		fields = append(fields, trace.Header{Name: text(strings.TrimSpace(name)), Value: text(strings.Trim(value, " \t\r"))})
	}
	return fields, false
}

// folded says whether the next line continues the one before.
func folded(s string) bool { return s != "" && (s[0] == ' ' || s[0] == '\t') }

// unfold joins the lines of one field.
func unfold(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.Trim(line, " \t\r\n"))
	}
	return b.String()
}

// framing says how the body of a message is delimited (RFC 9112, section 6.3).
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	// byClose lasts until the sender ends the connection.
	byClose
	// unframed has a length that cannot be known.
	unframed
)

// requestFraming of h, and the length with byLength.
func (h *head1) requestFraming() (framing, uint64) {
	switch lastCoding(h.fields) {
	case "":
	case "chunked":
		return byChunks, 0
	default:
		return unframed, 0
	}
	n, present, ok := contentLength(h.fields)
	switch {
	case h.method == "CONNECT" || !present || ok && n == 0:
		return noBody, 0
	case !ok:
		return unframed, 0
	}
	return byLength, n
}

// answerFraming of h as the answer to method, and the length with byLength.
func (h *head1) answerFraming(method string) (framing, uint64) {
	if method == "HEAD" || h.status/100 == 1 || h.status == 204 || h.status == 304 {
		return noBody, 0
	}
	switch lastCoding(h.fields) {
	case "":
	case "chunked":
		return byChunks, 0
	default:
		return byClose, 0
	}
	n, present, ok := contentLength(h.fields)
	switch {
	case !present || !ok:
		return byClose, 0
	case n == 0:
		return noBody, 0
	}
	return byLength, n
}

// lastCoding is the last transfer coding in lower case; "" without any but
// identity, which RFC 2616 had and which changes nothing.
func lastCoding(fields []trace.Header) string {
	last := ""
	for _, f := range fields {
		if !strings.EqualFold(f.Name, "Transfer-Encoding") {
			continue
		}
		for v := range strings.SplitSeq(strings.ToLower(f.Value), ",") {
			if v = strings.TrimSpace(v); v != "" && v != "identity" {
				last = v
			}
		}
	}
	return last
}

// contentLength reads Content-Length; fields or list members that differ make
// it invalid (RFC 9112, section 6.3, item 5).
func contentLength(fields []trace.Header) (n uint64, present, ok bool) {
	ok = true
	for _, f := range fields {
		if !strings.EqualFold(f.Name, "Content-Length") {
			continue
		}
		for v := range strings.SplitSeq(f.Value, ",") {
			m, err := strconv.ParseUint(strings.TrimSpace(v), 10, 63)
			ok = ok && err == nil && (!present || m == n)
			n, present = m, true
		}
	}
	return n, present, ok
}

// parseChunkSize reads "1a;ext=1" (RFC 9112, section 7.1).
func parseChunkSize(line string) (uint64, bool) {
	size, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.Trim(size, " \t\r\n"), 16, 63)
	return n, err == nil
}

// requestURL is the URL that a request asks for, by the request alone: host is
// its Host or :authority. A target that makes no URL with it stays as it is.
func requestURL(secure bool, target, host string) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	switch {
	case host == "" || target == "":
		return target
	case target == "*":
		return scheme + host // RFC 9112, section 3.3
	case target[0] == '/' || target[0] == '?':
		return scheme + host + target
	}
	return target
}
