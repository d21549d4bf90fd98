// Package trace is the vocabulary of an understood run: facts, and the
// findings drawn from them. Its types are the JSON report, schema
// gopx-trace.report/1; their JSON keys are a stable contract.
//
// The package is a leaf: it uses the standard library only and has no logic
// beyond what the values mean.
package trace

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schema names the version of the JSON report.
const Schema = "gopx-trace.report/1"

// Time is a moment; it marshals as RFC 3339 with nanoseconds in UTC and its
// zero value is left out.
type Time = time.Time

// Millis is a duration in milliseconds, as the JSON report carries it.
type Millis float64

// Since returns the milliseconds from a to b.
func Since(a, b time.Time) Millis { return MillisOf(b.Sub(a)) }

// MillisOf converts a duration, keeping nanoseconds.
func MillisOf(d time.Duration) Millis { return Millis(float64(d) / 1e6) }

// Duration converts back.
func (m Millis) Duration() time.Duration { return time.Duration(float64(m) * 1e6) }

// MarshalJSON writes at most six decimals (nanoseconds), without an exponent.
func (m Millis) MarshalJSON() ([]byte, error) { return m.AppendTo(nil), nil }

// AppendTo appends what MarshalJSON writes.
func (m Millis) AppendTo(b []byte) []byte {
	if b, ok := m.appendNanos(b); ok {
		return b
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(float64(m), 'f', 6, 64), 64)
	return strconv.AppendFloat(b, rounded, 'f', -1, 64)
}

// appendNanos is AppendTo for a number of whole nanoseconds, of which all
// digits fit into a float64; false for others.
func (m Millis) appendNanos(b []byte) (_ []byte, ok bool) {
	const most, slack = 1e15, 1e-3
	nanos := math.Round(float64(m) * 1e6)
	if !(nanos >= 0 && nanos < most) || math.Abs(float64(m)*1e6-nanos) > slack || math.Signbit(float64(m)) {
		return b, false
	}
	n := uint64(nanos)
	b = strconv.AppendUint(b, n/1e6, 10)
	if n %= 1e6; n == 0 {
		return b, true
	}
	b = append(b, '.')
	for unit := uint64(1e5); n > 0; unit /= 10 {
		b = append(b, '0'+byte(n/unit))
		n %= unit
	}
	return b, true
}

// Trace is everything understood of one run or one capture file.
type Trace struct {
	Schema      string        `json:"schema"`
	Verdict     Verdict       `json:"verdict"`
	Command     *Command      `json:"command,omitempty"`
	Environment *Environment  `json:"environment,omitempty"`
	Processes   []*Process    `json:"processes"`
	Lookups     []*Lookup     `json:"lookups"`
	Connections []*Connection `json:"connections"`
	Requests    []*Request    `json:"requests"`
	Pushes      []*Request    `json:"pushes,omitempty"` // HTTP/2 server push
	Chains      []*Chain      `json:"chains"`
	Fetches     []*Fetch      `json:"fetches"`
	Hops        []*Hop        `json:"hops"`
	Findings    []*Finding    `json:"findings"`
	Losses      Losses        `json:"losses"`
	NotSeen     []string      `json:"not_seen"`
	// Unlisted counts the facts beyond the bound of a report; nil if all are listed.
	Unlisted *Unlisted `json:"unlisted,omitempty"`
	// Selection is set where facts were left out because a part was asked for.
	Selection *Selection `json:"selection,omitempty"`
	// Packets is how many packets were taken in.
	Packets uint64 `json:"-"`
	// First is the time of the first event that has one.
	First Time `json:"-"`
	// Last is the latest time of an event so far.
	Last Time `json:"-"`
}

// Verdict outcomes.
const (
	OK          = "ok"
	Failed      = "failed"
	Hung        = "hung"
	Interrupted = "interrupted"
	Unknown     = "unknown"
	Loop        = "loop" // chains only
	Slow        = "slow" // hops only: time was lost there
)

// Verdict is the answer in one sentence.
type Verdict struct {
	// Outcome is one of ok, failed, hung, interrupted, unknown.
	Outcome string `json:"outcome"`
	// Finding is the rule id of the finding that explains the outcome.
	Finding string `json:"finding,omitempty"`
	// Hop names the broken link, see [Finding].
	Hop     string `json:"hop,omitempty"`
	Summary string `json:"summary"`
}

// Command is the traced command; absent for a plain capture file.
type Command struct {
	Argv []string `json:"argv"`
	// ExitCode is absent while running and when a signal ended the command.
	ExitCode    *int   `json:"exit_code,omitempty"`
	Signal      string `json:"signal,omitempty"`
	Interrupted bool   `json:"interrupted,omitempty"`
	TimedOut    bool   `json:"timed_out,omitempty"`
	StartedAt   Time   `json:"started_at"`
	Duration    Millis `json:"duration_ms"`
	UID         uint32 `json:"uid"`
}

// Setting is one value and where it was set.
type Setting struct {
	Value  string `json:"value"`
	Origin string `json:"origin,omitempty"`
	// Shadows is what "go env -w" stored and the environment hides.
	Shadows string `json:"shadows,omitempty"`
}

// Environment is what the command really saw.
type Environment struct {
	GoVersion string             `json:"go_version,omitempty"`
	GoEnv     map[string]Setting `json:"goenv"`
	Proxy     map[string]string  `json:"proxy"`
	TLS       map[string]string  `json:"tls,omitempty"`
	Resolvers []string           `json:"resolvers"`
	// Watched are the resolvers on this host whose own questions for the names of
	// the command are in the report, marked upstream.
	Watched []string `json:"watched_resolvers,omitempty"`
	// Transparent are the addresses that were dialled and led elsewhere by this
	// host, see Connection.Reached.
	Transparent []Redirection `json:"transparent,omitempty"`
	// Hosts are the addresses of the hosts file for names in the settings.
	Hosts map[string][]string `json:"hosts,omitempty"`
	// Unsummed are the requirements in go.mod, path@version, without a line in go.sum.
	Unsummed []string `json:"unsummed,omitempty"`
	// Roots are the certificate authorities that Go programs trust.
	Roots *Roots `json:"roots,omitempty"`
	// Programs are the paths of git and ssh in PATH; empty for one that is not there.
	Programs map[string]string `json:"programs,omitempty"`
}

// Roots are the certificate authorities that Go programs trust: where they
// were looked for, how many there are (0 if none), and their names if they
// are few and from SSL_CERT_FILE.
type Roots struct {
	From     []string `json:"from"`
	Count    int      `json:"count"`
	Subjects []string `json:"subjects,omitempty"`
}

// Redirection is an address that was dialled, and the one really reached.
type Redirection struct {
	Dialled string `json:"dialled"`
	Reached string `json:"reached"`
}

// Process is one process of the traced tree. A process that execs keeps its
// pid; Exe and Argv are those of the last exec.
type Process struct {
	PID  uint32   `json:"pid"`
	PPID uint32   `json:"ppid"`
	Exe  string   `json:"exe"`
	Argv []string `json:"argv"`
	// ArgvCut says that Argv is only the first arguments: the others do not fit
	// into the 1023 bytes that are observed.
	ArgvCut   bool   `json:"argv_cut,omitempty"`
	StartedAt Time   `json:"started_at"`
	ExitedAt  Time   `json:"exited_at,omitzero"`
	ExitCode  *int   `json:"exit_code,omitempty"`
	Signal    string `json:"signal,omitempty"`
	// TLS is crypto/tls, openssl, gnutls or none.
	TLS string `json:"tls"`
	// Observed is full or partial; Missing says why not full.
	Observed string `json:"observed"`
	Missing  string `json:"missing,omitempty"`
}

// CommandLine is Argv as one line, with an ellipsis for what was cut.
func (p *Process) CommandLine() string {
	argv := p.Argv
	if p.ArgvCut {
		argv = append(slices.Clip(argv), "…")
	}
	return strings.Join(argv, " ")
}

// Lookup is one DNS question and what came of it.
type Lookup struct {
	ID        int    `json:"id"`
	PID       uint32 `json:"pid,omitempty"`
	Name      string `json:"name"`   // without the trailing dot
	Type      string `json:"type"`   // A, AAAA, TYPE64, ...
	Server    string `json:"server"` // ip:port
	Client    string `json:"client,omitempty"`
	Transport string `json:"transport"` // udp, tcp
	// RCode is the mnemonic (NOERROR, NXDOMAIN) of the first answer; empty without one.
	RCode    string   `json:"rcode,omitempty"`
	Answers  []Answer `json:"answers"`
	Attempts int      `json:"attempts"` // times the question was sent
	Replies  int      `json:"replies"`  // every answer counts
	// Error is what an ICMP error or the kernel said to it; empty without one.
	Error string `json:"error,omitempty"`
	// Disputed are the records of a later answer to a question that was sent
	// once, where they are not those of the first.
	Disputed []Answer `json:"disputed,omitempty"`
	// Truncated is set when the first answer told to ask again over TCP.
	Truncated bool `json:"truncated,omitempty"`
	// Lame is set when the first answer was empty and by a server that is not
	// responsible for the name and asks nobody (AA and RA not set).
	Lame bool `json:"lame,omitempty"`
	// EDNS is set when the question had an OPT record (RFC 6891).
	EDNS bool `json:"-"`
	// Cut is set when the first answer could not be read to its end, so that
	// Answers may lack records.
	Cut bool `json:"cut,omitempty"`
	// Upstream is set where not the command asked, but the resolver on this host
	// that it had asked for the name: the question went on to Server.
	Upstream  bool    `json:"upstream,omitempty"`
	StartedAt Time    `json:"started_at"`
	Duration  *Millis `json:"duration_ms,omitempty"` // to the first answer
	Frames    []int   `json:"frames,omitempty"`
}

// Answer is one record of the answer section.
type Answer struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type"`
	TTL  uint32 `json:"ttl"`
	Data string `json:"data"` // presentation form
}

// Connection is one TCP connection.
type Connection struct {
	ID int `json:"id"`
	// Stream is Wireshark's tcp.stream; absent when no packet was seen
	// (the kernel refused to dial).
	Stream *int   `json:"stream,omitempty"`
	PID    uint32 `json:"pid,omitempty"`
	Local  string `json:"local"`
	// Remote is the address that was dialled; Reached is where this host led the
	// packets instead (REDIRECT, DNAT), empty if it did not.
	Remote    string `json:"remote"`
	Reached   string `json:"reached,omitempty"`
	StartedAt Time   `json:"started_at"`
	// Connect is the time from the SYN to the SYN-ACK.
	Connect  *Millis `json:"connect_ms,omitempty"`
	ClosedAt Time    `json:"closed_at,omitzero"`
	// State and History are Zeek's conn_state and history.
	State         string  `json:"state"`
	History       string  `json:"history"`
	ClosedBy      string  `json:"closed_by,omitempty"` // local, remote
	ResetBy       string  `json:"reset_by,omitempty"`  // local, remote
	BytesSent     uint64  `json:"bytes_sent"`
	BytesReceived uint64  `json:"bytes_received"`
	Retransmits   int     `json:"retransmits"`
	MissedBytes   uint64  `json:"missed_bytes"`
	RTT           *Millis `json:"rtt_ms,omitempty"`
	// Unacked are the bytes sent that the peer has not acknowledged, Sacked tells
	// whether it acknowledged some ahead of a hole. TTL is that of the peer's
	// first packet and ResetTTL that of the RST that ended the connection, as
	// captured; 0 if not seen. They are not part of the report.
	Unacked       uint64 `json:"-"`
	Sacked        bool   `json:"-"`
	TTL, ResetTTL uint8  `json:"-"`
	// Errno is the name of what the kernel told the process: ECONNREFUSED, ...
	Errno string `json:"errno,omitempty"`
	// ICMP is the error a router or the peer sent for it, e.g. "port unreachable from 10.0.0.1".
	ICMP   string  `json:"icmp,omitempty"`
	Tunnel *Tunnel `json:"tunnel,omitempty"`
	// Layers are the protocols that were recognised, in the order in which
	// they began: tls, http1, http2, socks5, socks4, dns, opaque.
	Layers []string `json:"layers,omitempty"`
	// GoAway is the last HTTP/2 GOAWAY frame of the server, or of the client
	// where the server sent none.
	GoAway *GoAway `json:"goaway,omitempty"`
	// Notes say what of it could not be decoded and why, a sentence each.
	Notes []string `json:"notes,omitempty"`
	TLS   []*TLS   `json:"tls"` // outer layer first
	// Frames are the frame numbers a reader wants first: SYN, SYN-ACK, reset or FIN.
	Frames []int `json:"frames,omitempty"`
}

// Tunnel is a way through a proxy that the connection carries.
type Tunnel struct {
	Protocol   string  `json:"protocol"` // http-connect, socks5, socks4
	Authority  string  `json:"authority"`
	Status     int     `json:"status,omitempty"`
	StatusText string  `json:"status_text,omitempty"`
	Duration   *Millis `json:"duration_ms,omitempty"`
	Frames     []int   `json:"frames,omitempty"`
}

// GoAway is an HTTP/2 GOAWAY frame (RFC 9113, section 6.8).
type GoAway struct {
	SentBy string `json:"sent_by"` // local, remote
	// Code is the name of the error code, e.g. NO_ERROR, ENHANCE_YOUR_CALM.
	Code string `json:"code"`
	// LastStream is the highest stream id that its sender may have acted on.
	LastStream uint32 `json:"last_stream"`
	// Debug is the start of the debug bytes, if any.
	Debug string `json:"debug,omitempty"`
	Frame int    `json:"frame,omitempty"`
}

// TLS is one TLS layer of a connection.
type TLS struct {
	ServerName  string   `json:"server_name,omitempty"`
	ALPNOffered []string `json:"alpn_offered"`
	ALPN        string   `json:"alpn,omitempty"`
	Version     string   `json:"version,omitempty"`
	CipherSuite string   `json:"cipher_suite,omitempty"`
	Resumed     bool     `json:"resumed"`
	HelloRetry  bool     `json:"hello_retry,omitempty"`
	JA3         string   `json:"ja3,omitempty"`
	JA4         string   `json:"ja4,omitempty"`
	// ClientHelloBytes is the length of the handshake message with its 4-byte header.
	ClientHelloBytes int    `json:"client_hello_bytes,omitempty"`
	ClientRandom     string `json:"client_random,omitempty"` // hex; not secret
	StartedAt        Time   `json:"started_at,omitzero"`
	// Duration is from the ClientHello to the client's Finished or first
	// application data.
	Duration *Millis `json:"duration_ms,omitempty"`
	// Established is set when the handshake completed as far as could be seen.
	Established bool `json:"established"`
	// Decrypted is set when application or handshake records were opened.
	Decrypted  bool   `json:"decrypted"`
	KeyUpdates int    `json:"key_updates,omitempty"`
	Alert      *Alert `json:"alert,omitempty"`
	// CloseNotify is who ended the layer by a close_notify alert, local or
	// remote; empty where that was not seen, or the connection ended first.
	CloseNotify  string         `json:"close_notify,omitempty"`
	Certificates []*Certificate `json:"certificates"`
	// CertificateRequested is set when the server asked for a client
	// certificate; ClientCertificates are those the client then sent.
	CertificateRequested bool           `json:"certificate_requested,omitempty"`
	ClientCertificates   []*Certificate `json:"client_certificates,omitempty"`
	// OpenErrors counts records that did not open though their secret was there.
	OpenErrors int   `json:"open_errors,omitempty"`
	Frames     []int `json:"frames,omitempty"` // ClientHello, ServerHello, alert
	// NotTLS holds the first bytes (at most 64) of an answer to the ClientHello
	// that is no TLS record, e.g. "HTTP/1.1 400 Bad Request".
	NotTLS []byte `json:"-"`
}

// Alert is the first TLS alert other than close_notify.
type Alert struct {
	SentBy      string `json:"sent_by"`     // local, remote
	Level       string `json:"level"`       // warning, fatal
	Description string `json:"description"` // RFC 8446 name, e.g. bad_certificate
	Frame       int    `json:"frame,omitempty"`
}

// Certificate is one certificate of the server's chain, in wire order.
type Certificate struct {
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Serial    string   `json:"serial"`
	NotBefore Time     `json:"not_before"`
	NotAfter  Time     `json:"not_after"`
	DNSNames  []string `json:"dns_names"`
	IPs       []string `json:"ip_addresses,omitempty"`
	SHA256    string   `json:"sha256"`
	// CAIssuers are the URLs at which the issuer's certificate can be had (RFC
	// 5280, section 4.2.2.1, Authority Information Access).
	CAIssuers []string `json:"ca_issuers,omitempty"`
	IsCA      bool     `json:"is_ca,omitempty"`
	// SelfSigned is set when the signature verifies with the certificate's own key.
	SelfSigned bool `json:"self_signed,omitempty"`
	// Weak is what in it clients refuse for being too weak, e.g. "signed with
	// SHA-1"; empty for what they take.
	Weak string `json:"weak,omitempty"`
	// Damaged is why the certificate could not be parsed; the rest is then what
	// could be read nevertheless.
	Damaged string `json:"damaged,omitempty"`
}
