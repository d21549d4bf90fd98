package decode

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gopx-trace/gopx-trace/agent/digest"
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// What is kept of the body of an answer.
const (
	// MaxHashed is the longest answer body, in bytes, that gets a SHA-256 where
	// not all of them do: see [Conn].HashAll.
	MaxHashed = 1 << 20
	// MaxBody is how many bytes of a textual answer Request.Body keeps.
	MaxBody = 8 << 10
	// maxInterim is how many 1xx answers to one request are kept.
	maxInterim = 64
)

// How a request ended without a complete answer: [trace.Request].Error is one
// of these, or begins with it.
const (
	NoAnswer         = "no answer" // the observation ended first
	ClosedUnanswered = "connection closed before an answer"
	ResetByRemote    = "connection reset by remote"
	ResetByLocal     = "connection reset by local"
	ResetUnknown     = "connection reset" // a RST was seen, its sender was not
	// AnswerCut goes on ": got N of M bytes", or ": got N bytes" where the
	// length was not announced, and ", " with the reason where it is known.
	AnswerCut = "answer cut"
	// MalformedAnswer goes on ": " with the start of it as a Go string literal.
	MalformedAnswer = "malformed answer"
	// NotObserved is our own loss: it says nothing about the peer.
	NotObserved = "answer not observed"
	// StreamReset goes on " by remote: CODE" or " by local: CODE" (HTTP/2).
	StreamReset = "stream reset"
	// GoneAway goes on " by remote: CODE": the peer's GOAWAY left it out (HTTP/2).
	GoneAway = "refused by GOAWAY"
)

// exchange fills in one request while its bytes go by.
type exchange struct {
	c *Conn
	r *trace.Request
	// want is the announced length of the answer's body, -1 where unknown.
	want int64
	sum  digest.Sum
	// hash and keep say whether the body is still hashed and kept.
	hash, keep bool
	// answered is set from the head of the final answer on; over when nothing
	// more of the answer can come.
	answered, over bool
	// upgrade is set for an HTTP/1 request that may turn its connection into
	// something else.
	upgrade bool
}

// newExchange begins a request whose first byte was at m.
func newExchange(c *Conn, protocol string, m flow.Mark) *exchange {
	r := &trace.Request{
		Connection:      c.Facts.ID,
		PID:             c.Facts.PID,
		Protocol:        protocol,
		StartedAt:       m.Time,
		ResponseHeaders: []trace.Header{},
		Timings:         trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: -1, Wait: -1, Receive: -1},
		Frames:          append(make([]int, 0, 3), m.Frame), // first, and two of the answer
	}
	return &exchange{c: c, r: r, want: -1}
}

// sent says that the request, body included, ended at m.
func (x *exchange) sent(m flow.Mark) {
	if x.r.SentAt.IsZero() {
		x.r.SentAt = m.Time
		x.time()
	}
}

// interim takes a 1xx answer.
func (x *exchange) interim(status int) {
	if len(x.r.Informational) < maxInterim {
		x.r.Informational = append(x.r.Informational, status)
	}
}

// answer takes the head of the final answer; its first byte was at first, its
// last at last.
func (x *exchange) answer(status int, text string, headers []trace.Header, first, last flow.Mark) {
	x.answered = true
	x.r.Status, x.r.StatusText, x.r.ResponseHeaders = status, text, headers
	x.r.AnsweredAt = first.Time
	x.r.Frames = append(x.r.Frames[:1], first.Frame, last.Frame)
	x.keep = textual(x.r)
	if n, present, ok := contentLength(headers); present && ok {
		x.want = int64(n)
	}
	x.hash = x.hashable(x.want)
	x.time()
}

// hashable says whether a body of n bytes gets a digest.
func (x *exchange) hashable(n int64) bool { return x.c.HashAll || n <= MaxHashed }

// tunnel notes what a proxy answered to a CONNECT; m ended the answer's head.
func (x *exchange) tunnel(m flow.Mark) {
	if x.c.Tunnelled && x.c.Facts.Tunnel != nil {
		return // the outermost tunnel is the connection's
	}
	took := trace.Since(x.r.StartedAt, m.Time)
	x.c.Facts.Tunnel = &trace.Tunnel{
		Protocol:   "http-connect",
		Authority:  x.r.URL,
		Status:     x.r.Status,
		StatusText: x.r.StatusText,
		Duration:   &took,
		Frames:     []int{x.r.Frames[0], m.Frame},
	}
}

// counts says whether of what is to come of the answer's body only the length
// matters.
func (x *exchange) counts() bool { return !x.hash && !x.keep }

// count takes n bytes of the answer's body.
func (x *exchange) count(n uint64, m flow.Mark) {
	x.r.ResponseBytes += n
	x.seen(m)
}

// body takes bytes of the answer's body.
func (x *exchange) body(b []byte, m flow.Mark) {
	x.count(uint64(len(b)), m)
	if x.keep {
		x.r.Body = append(x.r.Body, b[:min(len(b), MaxBody-len(x.r.Body))]...)
		x.keep = len(x.r.Body) < MaxBody
	}
	x.hash = x.hash && x.hashable(int64(x.r.ResponseBytes))
	if x.hash {
		x.c.Sums.Write(&x.sum, b)
	}
}

// missed counts n bytes of the answer's body that were not observed.
func (x *exchange) missed(n uint64) {
	x.r.ResponseBytes += n
	x.hash, x.keep = false, false
}

// complete says that the answer ended as announced.
func (x *exchange) complete(m flow.Mark) {
	if x.over {
		return
	}
	x.r.ResponseComplete = true
	if x.hash && x.r.ResponseBytes > 0 {
		x.c.Sums.Finish(&x.sum, &x.r.ResponseSHA256)
	}
	x.seen(m)
	x.finish(m)
}

// fail says that no more of the answer will come, and why.
func (x *exchange) fail(reason string, m flow.Mark) {
	if x.over {
		return
	}
	x.r.Error = reason
	x.finish(m)
}

// ended says that the answering direction ended; how tells what to call it.
func (x *exchange) ended(how flow.Ending, m flow.Mark) {
	reason := ending(x.c, how)
	if x.answered {
		reason = x.cut(how)
	}
	x.fail(reason, m)
}

// ending is what an unanswered request is told about the end of its connection.
func ending(c *Conn, how flow.Ending) string {
	switch how {
	case flow.Finished:
		return ClosedUnanswered
	case flow.Open:
		return NoAnswer
	}
	switch c.resetBy() {
	case "local":
		return ResetByLocal
	case "remote":
		return ResetByRemote
	}
	return ResetUnknown
}

// cut is what a half-answered request is told.
func (x *exchange) cut(how flow.Ending) string {
	got := fmt.Sprintf("%s: got %d bytes", AnswerCut, x.r.ResponseBytes)
	if x.want >= 0 {
		got = fmt.Sprintf("%s: got %d of %d bytes", AnswerCut, x.r.ResponseBytes, x.want)
	}
	switch how {
	case flow.Reset:
		return got + ", " + ending(x.c, how)
	case flow.Open:
		return got + ", connection still open"
	}
	return got
}

// seen moves the last frame of the answer.
func (x *exchange) seen(m flow.Mark) {
	if len(x.r.Frames) == 3 {
		x.r.Frames[2] = m.Frame
	}
	x.r.LastByteAt = m.Time
}

// finish closes the books.
func (x *exchange) finish(m flow.Mark) {
	x.over = true
	x.r.EndedAt = m.Time
	x.time()
}

// time works the timings out of what is known so far. An answer may overtake
// the request's body: the phases then meet where the answer began, as their
// sum has to be the whole.
func (x *exchange) time() {
	r := x.r
	answered, ended := r.AnsweredAt, r.EndedAt
	sent := r.SentAt
	if !answered.IsZero() && (sent.IsZero() || sent.After(answered)) {
		sent = answered
	}
	if sent.IsZero() {
		return
	}
	r.Timings.Send = trace.Since(r.StartedAt, sent)
	switch {
	case !answered.IsZero():
		r.Timings.Wait = trace.Since(sent, answered)
		if !ended.IsZero() {
			r.Timings.Receive = trace.Since(answered, ended)
		}
	case ended.After(sent):
		r.Timings.Wait = trace.Since(sent, ended)
	}
}

// textual says whether rules may want to read the answer: text, JSON and HTML,
// the small files of the module proxy protocol, and whatever explains an error.
func textual(r *trace.Request) bool {
	kind := strings.ToLower(r.Header("Content-Type"))
	path, query, _ := strings.Cut(r.URL, "?")
	switch {
	case r.Status >= 400, strings.Contains(query, "go-get=1"):
		return true
	case strings.HasPrefix(kind, "text/"), strings.Contains(kind, "json"), strings.Contains(kind, "html"):
		return true
	}
	return strings.HasSuffix(path, "/list") || strings.HasSuffix(path, ".info") || strings.HasSuffix(path, ".mod")
}

// text makes a string of bytes as they were on the wire: UTF-8 if they are
// that, else Latin-1, so that every byte can be told in JSON.
func text(b string) string {
	if utf8.ValidString(b) {
		return b
	}
	runes := make([]rune, len(b))
	for i := range len(b) {
		runes[i] = rune(b[i])
	}
	return string(runes)
}
