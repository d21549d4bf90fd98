package trace

// Header is one field line, name and value as on the wire.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Timings are HAR 1.2 phases in milliseconds; -1 where a phase did not happen.
type Timings struct {
	DNS     Millis `json:"dns"`
	Connect Millis `json:"connect"`
	TLS     Millis `json:"tls"`
	Send    Millis `json:"send"`
	Wait    Millis `json:"wait"`
	Receive Millis `json:"receive"`
}

// Purposes of a request.
const (
	PurposeList      = "list"
	PurposeInfo      = "info"
	PurposeMod       = "mod"
	PurposeZip       = "zip"
	PurposeLatest    = "latest"
	PurposeSupported = "sumdb-supported"
	PurposeLookup    = "sumdb-lookup"
	PurposeTile      = "sumdb-tile"
	PurposeGoImport  = "go-import"
	PurposeGitRefs   = "git-refs"
	PurposeGitPack   = "git-pack"
	PurposeToolchain = "toolchain"
	PurposeConnect   = "connect"
	PurposeOther     = "other"
)

// Request is one HTTP request on the wire and its answer, CONNECT included.
type Request struct {
	ID         int     `json:"id"`
	Connection int     `json:"connection"` // Connection.ID
	HTTPStream *uint32 `json:"http_stream,omitempty"`
	PID        uint32  `json:"pid,omitempty"`
	Protocol   string  `json:"protocol"` // HTTP/1.0, HTTP/1.1, HTTP/2.0
	Method     string  `json:"method"`
	// URL has scheme and host from the request itself only; for CONNECT it is
	// the authority as on the request line.
	URL     string   `json:"url"`
	Headers []Header `json:"headers"`
	// Status is the final one, 0 without an answer.
	Status     int    `json:"status,omitempty"`
	StatusText string `json:"status_text,omitempty"`
	// UpgradedStatus is the status that HTTP/2 stream 1 gave the request after
	// its 101 (Upgrade: h2c); its bytes are then those of that answer.
	UpgradedStatus  int      `json:"upgraded_status,omitempty"`
	Informational   []int    `json:"informational,omitempty"` // 1xx
	ResponseHeaders []Header `json:"response_headers"`
	Trailers        []Header `json:"trailers,omitempty"`
	// RequestBytes and ResponseBytes count body bytes as carried, after
	// dechunking, before content decoding.
	RequestBytes  uint64 `json:"request_bytes"`
	ResponseBytes uint64 `json:"response_bytes"`
	// ResponseSHA256 is the digest of the response's body, in hexadecimal; empty
	// if that was not seen to its end or has no bytes, and, in the trace of a
	// command, if it is longer than decode.MaxHashed.
	ResponseSHA256 string `json:"response_sha256,omitempty"`
	// ResponseComplete is set when the end of the answer was seen.
	ResponseComplete bool    `json:"response_complete"`
	StartedAt        Time    `json:"started_at"`
	Timings          Timings `json:"timings"`
	// Error is how it ended without a complete answer, e.g. "connection reset
	// by remote", "stream reset: REFUSED_STREAM", "no answer".
	Error          string `json:"error,omitempty"`
	RedirectedFrom int    `json:"redirected_from,omitempty"` // Request.ID
	Purpose        string `json:"purpose"`
	Module         string `json:"module,omitempty"`
	Version        string `json:"version,omitempty"`
	Pushed         bool   `json:"pushed,omitempty"`
	// Frames: first of the request, first and last of the answer.
	Frames []int `json:"frames,omitempty"`

	// What the timings are made of; not part of the report.
	SentAt, AnsweredAt, EndedAt Time `json:"-"`
	// LastByteAt is when the last byte of the answer so far came; it tells an
	// answer that stopped from one that was cut while it flowed.
	LastByteAt Time `json:"-"`
	// Body keeps the start of small textual answers for rules; see decode.
	Body []byte `json:"-"`
}

// Header returns the first response header of that name, case-insensitively
// ASCII, or "".
func (r *Request) Header(name string) string { return First(r.ResponseHeaders, name) }

// First returns the value of the first header of that name (ASCII
// case-insensitive), or "".
func First(h []Header, name string) string {
	for _, f := range h {
		if equalFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Chain is a request and the redirects that followed from it.
type Chain struct {
	Requests    []int    `json:"requests"`
	Hosts       []string `json:"hosts"`
	FinalStatus int      `json:"final_status,omitempty"`
	Outcome     string   `json:"outcome"` // ok, failed, hung, loop
}

// Fetch is one file of one module that the go command wanted, and the
// GOPROXY entries it tried for it, in order.
type Fetch struct {
	Module   string    `json:"module"`
	Version  string    `json:"version,omitempty"`
	Purpose  string    `json:"purpose"`
	Attempts []Attempt `json:"attempts"`
	Outcome  string    `json:"outcome"` // ok, failed, hung, not-found
}

// Attempt is one GOPROXY entry tried for a [Fetch].
type Attempt struct {
	// Entry is the GOPROXY list entry, credentials masked; "direct" for version control.
	Entry string `json:"goproxy_entry"`
	// Separator is what follows the entry in the list: "," or "|"; empty at the end.
	Separator string `json:"separator,omitempty"`
	Requests  []int  `json:"requests"`
	Outcome   string `json:"outcome"`
	// NextBecause says why go went on to the next entry, or why it stopped.
	NextBecause string `json:"next_because,omitempty"`
}
