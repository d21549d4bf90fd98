package decode

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

const (
	// MaxLookups is how many lookups are kept; further questions are counted.
	MaxLookups = 100_000
	// maxAnswers is how many records of an answer are kept.
	maxAnswers = 64
	// maxOpen is how many unanswered lookups between two addresses an ICMP
	// error can be about: the latest ones.
	maxOpen = 256
	// maxLookupFrames is how many frame numbers a lookup keeps.
	maxLookupFrames = 32
)

// Lookups joins DNS questions and answers to lookups. The zero value is ready
// for use.
type Lookups struct {
	// Malformed counts the messages that could not be read to their end.
	Malformed int
	// Max is how many lookups are kept; 0 is MaxLookups.
	Max int
	// Beyond counts the lookups after the first Max, without their answers.
	Beyond int

	// unanswered are those beyond Max whose answers are still to come.
	unanswered int
	list       []*trace.Lookup
	// asked finds the last lookup of a question; byID the last of an id, for
	// answers without a question section.
	asked map[question]*trace.Lookup
	byID  map[question]*trace.Lookup
	// open are the lookups between two addresses, for ICMP errors.
	open map[route][]*trace.Lookup
}

// route is where a question came from and went to.
type route struct {
	client, server netip.AddrPort
	transport      string
}

// question is what makes a question the same as another. name and kind are
// empty where only the id is asked for.
type question struct {
	route
	id   uint16
	name string
	kind uint16
}

// Add takes a message. Only standard queries to a server and its answers count
// (RFC 1035, section 4.1.1), of these the first question.
func (l *Lookups) Add(m *Message) {
	if m.Malformed {
		l.Malformed++
	}
	if m.Msg == nil || m.Msg.Opcode != dns.OpcodeQuery {
		return
	}
	if !m.Msg.Response {
		if (m.Elsewhere || m.Dst.Port() == portDNS) && len(m.Msg.Question) > 0 {
			l.question(m)
		}
		return
	}
	if m.Elsewhere || m.Src.Port() == portDNS {
		l.answer(m)
	}
}

// key of a message, whose client is the side that asks.
func key(m *Message, client, server netip.AddrPort) question {
	q := question{route: route{client, server, m.Transport}, id: m.Msg.Id}
	if len(m.Msg.Question) > 0 {
		// Servers need not keep the case of a name (RFC 4343).
		q.name, q.kind = strings.ToLower(m.Msg.Question[0].Name), m.Msg.Question[0].Qtype
	}
	return q
}

// question counts a question: a new lookup, or another attempt at one that has
// no answer yet.
func (l *Lookups) question(m *Message) {
	k := key(m, m.Src, m.Dst)
	if known := l.asked[k]; known != nil && known.Replies == 0 {
		known.Attempts++
		seen(known, m.Mark)
		owned(known, m.PID)
		return
	}
	if q := l.begin(k, m); q != nil {
		q.Attempts = 1
	}
}

// begin makes the lookup of a message that belongs to none so far; nil if
// there are too many.
func (l *Lookups) begin(k question, m *Message) *trace.Lookup {
	if len(l.list) == cmp.Or(l.Max, MaxLookups) {
		l.beyond(m.Msg.Response)
		return nil
	}
	if l.asked == nil {
		l.asked, l.byID = map[question]*trace.Lookup{}, map[question]*trace.Lookup{}
		l.open = map[route][]*trace.Lookup{}
	}
	asked := m.Msg.Question[0]
	q := &trace.Lookup{
		ID:        len(l.list) + 1,
		PID:       m.PID,
		Name:      hostName(asked.Name),
		Type:      dns.Type(asked.Qtype).String(),
		Server:    k.server.String(),
		Client:    k.client.String(),
		Transport: k.transport,
		Answers:   []trace.Answer{},
		EDNS:      m.Msg.IsEdns0() != nil,
		Upstream:  m.Upstream,
		StartedAt: m.Mark.Time,
		Frames:    []int{m.Mark.Frame},
	}
	l.list = append(l.list, q)
	l.asked[k] = q
	l.byID[question{route: k.route, id: k.id}] = q
	open := append(l.open[k.route], q)
	l.open[k.route] = open[max(0, len(open)-maxOpen):]
	return q
}

// beyond counts a message of a lookup that is not kept: the question, or an
// answer whose question was not captured. Which is which is told by their
// numbers, as names take memory.
func (l *Lookups) beyond(response bool) {
	switch {
	case !response:
		l.Beyond++
		l.unanswered++
	case l.unanswered > 0:
		l.unanswered--
	default:
		l.Beyond++
	}
}

// answer counts an answer; the first one is the lookup's. An answer to a
// question that was not captured is a lookup of its own with no attempt.
func (l *Lookups) answer(m *Message) {
	k := key(m, m.Dst, m.Src)
	q := l.asked[k]
	if k.name == "" {
		q = l.byID[k]
	}
	switch {
	case q != nil:
		seen(q, m.Mark)
		owned(q, m.PID)
	case k.name != "":
		q = l.begin(k, m)
	}
	if q == nil {
		return
	}
	if q.Replies++; q.Replies > 1 {
		dispute(q, m.Msg)
		return
	}
	q.Truncated, q.Lame = m.Msg.Truncated, lame(m.Msg)
	q.RCode = rcode(m.Msg.Rcode)
	q.Answers, q.Cut = answers(m.Msg.Answer), m.Malformed
	if q.Attempts > 0 {
		took := trace.Since(q.StartedAt, m.Mark.Time)
		q.Duration = &took
	}
	l.settle(k.route, q)
}

// dispute keeps the records of a later answer to a question that was sent once,
// if the two have records and none in common.
func dispute(q *trace.Lookup, m *dns.Msg) {
	later := answers(m.Answer)
	if q.Attempts != 1 || q.Disputed != nil || len(q.Answers) == 0 || len(later) == 0 {
		return
	}
	for _, a := range q.Answers {
		for _, b := range later {
			if a.Type == b.Type && a.Data == b.Data {
				return
			}
		}
	}
	q.Disputed = later
}

// lame reports whether an answer is what Go calls a lame referral: empty, by a
// server that is neither responsible nor recursive, without additional records
// ($GOROOT/src/net/dnsclient_unix.go, checkHeader).
func lame(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess && !m.Authoritative && !m.RecursionAvailable && len(m.Answer)+len(m.Extra) == 0
}

// seen adds a frame number.
func seen(q *trace.Lookup, m flow.Mark) {
	if len(q.Frames) < maxLookupFrames {
		q.Frames = append(q.Frames, m.Frame)
	}
}

// owned takes the process of a message where it was not known before.
func owned(q *trace.Lookup, pid uint32) {
	if q.PID == 0 {
		q.PID = pid
	}
}

// settle takes an answered lookup out of those that an ICMP error may be about.
func (l *Lookups) settle(r route, q *trace.Lookup) {
	rest := l.open[r][:0]
	for _, o := range l.open[r] {
		if o != q {
			rest = append(rest, o)
		}
	}
	if l.open[r] = rest; len(rest) == 0 {
		delete(l.open, r)
	}
}

// Unreachable takes an ICMP error: the unanswered lookups of the packet that it
// quotes get it as their error.
func (l *Lookups) Unreachable(u *flow.Unreachable) {
	transports := map[uint8]string{6: "tcp", 17: "udp"}
	for _, q := range l.open[route{u.Src, u.Dst, transports[u.Protocol]}] {
		q.Error = unreachable(u)
		seen(q, u.Mark)
	}
}

// unreachable says what an ICMP error means, and who sent it if that was not
// the server itself.
func unreachable(u *flow.Unreachable) string {
	what := icmpError(u)
	if u.From != u.Dst.Addr() {
		what += " from " + u.From.String()
	}
	return what
}

// icmpError names an ICMP error: Destination Unreachable and Time Exceeded of
// RFC 792 (codes by RFC 1812, section 5.2.7.1) and of RFC 4443, section 3.
func icmpError(u *flow.Unreachable) string {
	words := map[[2]uint8]string{
		{3, 0}: "network unreachable", {3, 1}: "host unreachable", {3, 2}: "protocol unreachable",
		{3, 3}: "port unreachable", {3, 4}: "fragmentation needed", {3, 6}: "network unknown",
		{3, 7}: "host unknown", {3, 9}: "network prohibited", {3, 10}: "host prohibited",
		{3, 13}: "administratively prohibited", {11, 0}: "time to live exceeded",
	}
	if u.V6 {
		words = map[[2]uint8]string{
			{1, 0}: "no route", {1, 1}: "administratively prohibited", {1, 2}: "beyond scope of source address",
			{1, 3}: "address unreachable", {1, 4}: "port unreachable", {1, 5}: "source address failed policy",
			{1, 6}: "route rejected", {2, 0}: "packet too big", {3, 0}: "hop limit exceeded",
		}
	}
	if w, ok := words[[2]uint8{u.Type, u.Code}]; ok {
		return w
	}
	return "ICMP type " + strconv.Itoa(int(u.Type)) + " code " + strconv.Itoa(int(u.Code))
}

// Close returns the lookups in the order of their first message.
func (l *Lookups) Close() []*trace.Lookup { return l.list }

// hostName is a name without the trailing dot; the root keeps its own.
func hostName(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

// rcode is the mnemonic of a response code, or its number.
func rcode(code int) string {
	if code == dns.RcodeBadVers {
		return "BADVERS" // RFC 6891, section 9; the same number in a TSIG is BADSIG
	}
	if s, ok := dns.RcodeToString[code]; ok {
		return s
	}
	return "RCODE" + strconv.Itoa(code)
}

// answers are the records of an answer section in presentation form.
func answers(section []dns.RR) []trace.Answer {
	list := make([]trace.Answer, 0, min(len(section), maxAnswers))
	for _, rr := range section[:min(len(section), maxAnswers)] {
		if rr == nil {
			continue
		}
		h := rr.Header()
		list = append(list, trace.Answer{
			Name: hostName(h.Name),
			Type: dns.Type(h.Rrtype).String(),
			TTL:  h.Ttl,
			Data: text(strings.TrimPrefix(rr.String(), h.String())),
		})
	}
	return list
}
