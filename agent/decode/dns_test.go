package decode

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

var (
	client = netip.MustParseAddrPort("192.0.2.1:40000")
	server = netip.MustParseAddrPort("192.0.2.53:53")
)

// query is a packed question.
func query(t testing.TB, id uint16, name string, kind uint16) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.Id = id
	return pack(t, m)
}

// reply is a packed answer with records in presentation form.
func reply(t testing.TB, id uint16, name string, kind uint16, rcode int, records ...string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.Id, m.Response, m.Rcode = id, true, rcode
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return pack(t, m)
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// heardBy is an [Out] that joins lookups at once.
type heardBy struct{ lookups Lookups }

func (h *heardBy) Request(*trace.Request) {}
func (h *heardBy) DNS(m *Message)         { h.lookups.Add(m) }

// ask and answer send datagrams in frame n.
func (h *heardBy) ask(n int, b []byte) {
	Datagram(&flow.Datagram{Src: client, Dst: server, Payload: b, Mark: at(n), PID: 42}, h)
}

func (h *heardBy) answer(n int, b []byte) {
	Datagram(&flow.Datagram{Src: server, Dst: client, Payload: b, Mark: at(n)}, h)
}

func ms(n float64) *trace.Millis { m := trace.Millis(n); return &m }

func TestLookup(t *testing.T) {
	h := &heardBy{}
	h.ask(1, query(t, 7, "Mod.test.", dns.TypeA))
	h.ask(2, query(t, 7, "Mod.test.", dns.TypeA))
	h.ask(3, query(t, 7, "mod.test.", dns.TypeAAAA))
	h.answer(4, reply(t, 7, "mod.test.", dns.TypeA, dns.RcodeSuccess, "mod.test. 60 IN CNAME cdn.test.", `cdn.test. 5 IN A 192.0.2.9`, `cdn.test. 5 IN TXT "a b" "c"`))
	h.answer(5, reply(t, 7, "Mod.test.", dns.TypeA, dns.RcodeNameError))
	h.answer(6, reply(t, 7, "mod.test.", dns.TypeAAAA, dns.RcodeNameError))
	same(t, "lookups", h.lookups.Close(), []*trace.Lookup{
		{
			ID: 1, PID: 42, Name: "Mod.test", Type: "A", Server: "192.0.2.53:53", Client: "192.0.2.1:40000", Transport: "udp",
			RCode: "NOERROR", Attempts: 2, Replies: 2, StartedAt: at(1).Time, Duration: ms(3), Frames: []int{1, 2, 4, 5},
			Answers: []trace.Answer{
				{Name: "mod.test", Type: "CNAME", TTL: 60, Data: "cdn.test."},
				{Name: "cdn.test", Type: "A", TTL: 5, Data: "192.0.2.9"},
				{Name: "cdn.test", Type: "TXT", TTL: 5, Data: `"a b" "c"`},
			},
		},
		{
			ID: 2, PID: 42, Name: "mod.test", Type: "AAAA", Server: "192.0.2.53:53", Client: "192.0.2.1:40000", Transport: "udp",
			RCode: "NXDOMAIN", Attempts: 1, Replies: 1, StartedAt: at(3).Time, Duration: ms(3), Frames: []int{3, 6}, Answers: []trace.Answer{},
		},
	})
}

// summary of the lookups that matters to the tests below.
type lookupFacts struct {
	name, rcode, err  string
	attempts, replies int
}

func facts(list []*trace.Lookup) []lookupFacts {
	var all []lookupFacts
	for _, q := range list {
		all = append(all, lookupFacts{q.Name, q.RCode, q.Error, q.Attempts, q.Replies})
	}
	return all
}

func sameFacts(t *testing.T, got, want []lookupFacts) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLookupsApart(t *testing.T) {
	other := netip.MustParseAddrPort("192.0.2.54:53")
	short := new(dns.Msg) // an answer without a question section
	short.Id, short.Response, short.Rcode = 3, true, dns.RcodeRefused
	update := new(dns.Msg)
	update.SetUpdate("zone.test.")
	for _, tc := range []struct {
		name string
		do   func(h *heardBy)
		want []lookupFacts
	}{
		{"asked again after the answer", func(h *heardBy) {
			for i := range 2 {
				h.ask(2*i, query(t, 1, "a.test.", dns.TypeA))
				h.answer(2*i+1, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess))
			}
		}, []lookupFacts{{"a.test", "NOERROR", "", 1, 1}, {"a.test", "NOERROR", "", 1, 1}}},
		{"another id", func(h *heardBy) {
			h.ask(1, query(t, 1, "a.test.", dns.TypeA))
			h.ask(2, query(t, 2, "a.test.", dns.TypeA))
		}, []lookupFacts{{"a.test", "", "", 1, 0}, {"a.test", "", "", 1, 0}}},
		{"several questions to one id", func(h *heardBy) {
			h.ask(1, query(t, 1, "a.test.", dns.TypeA))
			h.ask(2, query(t, 1, "b.test.", dns.TypeA))
			h.answer(3, reply(t, 1, "b.test.", dns.TypeA, dns.RcodeServerFailure))
		}, []lookupFacts{{"a.test", "", "", 1, 0}, {"b.test", "SERVFAIL", "", 1, 1}}},
		{"answer from another server", func(h *heardBy) {
			h.ask(1, query(t, 1, "a.test.", dns.TypeA))
			Datagram(&flow.Datagram{Src: other, Dst: client, Payload: reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess)}, h)
		}, []lookupFacts{{"a.test", "", "", 1, 0}, {"a.test", "NOERROR", "", 0, 1}}},
		{"answer without a question", func(h *heardBy) {
			h.ask(1, query(t, 3, "a.test.", dns.TypeA))
			h.answer(2, pack(t, short))
			short.Id = 4
			h.answer(3, pack(t, short))
		}, []lookupFacts{{"a.test", "REFUSED", "", 1, 1}}},
		{"the root", func(h *heardBy) {
			h.ask(1, query(t, 3, ".", dns.TypeNS))
			h.answer(2, reply(t, 3, ".", dns.TypeNS, dns.RcodeFormatError))
		}, []lookupFacts{{".", "FORMERR", "", 1, 1}}},
		{"on another port", func(h *heardBy) {
			resolver := netip.MustParseAddrPort("127.0.0.11:41234")
			Datagram(&flow.Datagram{Src: client, Dst: resolver, Payload: query(t, 1, "a.test.", dns.TypeA)}, h)
			Datagram(&flow.Datagram{Src: resolver, Dst: client, Payload: reply(t, 1, "a.test.", dns.TypeA, dns.RcodeNameError)}, h)
		}, []lookupFacts{{"a.test", "NXDOMAIN", "", 1, 1}}},
		{"like DNS on another port, but for one thing", func(h *heardBy) {
			for i, v := range map[int]byte{2: 0x28, 3: 0x41, 5: 2, 7: 1, 9: 1, 11: 2, 13: ' ', 20: 0xff, 22: 3} {
				b := query(t, 1, "a.test.", dns.TypeA)
				b[i] = v
				Datagram(&flow.Datagram{Src: client, Dst: other, Payload: b}, &heardBy{})
				far := netip.AddrPortFrom(other.Addr(), 4000)
				Datagram(&flow.Datagram{Src: client, Dst: far, Payload: b}, h)
			}
		}, nil},
		{"a second, forged answer", func(h *heardBy) {
			h.ask(1, query(t, 1, "a.test.", dns.TypeA))
			h.answer(2, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, "a.test. 1 IN A 192.0.2.66"))
			h.answer(3, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeNameError))
		}, []lookupFacts{{"a.test", "NOERROR", "", 1, 2}}},
		{"EDNS", func(h *heardBy) {
			m := new(dns.Msg)
			m.SetQuestion("a.test.", dns.TypeA)
			m.SetEdns0(4096, true)
			h.ask(1, pack(t, m))
			m.Response, m.Rcode = true, dns.RcodeBadVers
			h.answer(2, pack(t, m))
		}, []lookupFacts{{"a.test", "BADVERS", "", 1, 1}}},
		{"update, multicast, other ports, nonsense", func(h *heardBy) {
			h.ask(1, pack(t, update))
			mdns := netip.MustParseAddrPort("224.0.0.251:5300")
			Datagram(&flow.Datagram{Src: client, Dst: mdns, Payload: query(t, 1, "a.test.", dns.TypeA)}, h)
			Datagram(&flow.Datagram{Src: client, Dst: netip.MustParseAddrPort("192.0.2.2:5353"), Payload: query(t, 1, "a.test.", dns.TypeA)}, h)
			h.ask(2, []byte("short"))
		}, nil},
		{"port unreachable", func(h *heardBy) {
			h.ask(1, query(t, 1, "a.test.", dns.TypeA))
			h.answer(2, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess))
			h.ask(3, query(t, 2, "b.test.", dns.TypeA))
			h.lookups.Unreachable(&flow.Unreachable{From: server.Addr(), Type: 3, Code: 3, Protocol: 17, Src: client, Dst: server, Mark: at(4)})
		}, []lookupFacts{{"a.test", "NOERROR", "", 1, 1}, {"b.test", "", "port unreachable", 1, 0}}},
		{"host unreachable, says a router", func(h *heardBy) {
			h.ask(3, query(t, 2, "b.test.", dns.TypeA))
			h.lookups.Unreachable(&flow.Unreachable{From: other.Addr(), V6: true, Type: 1, Code: 3, Protocol: 17, Src: client, Dst: server})
			h.lookups.Unreachable(&flow.Unreachable{From: other.Addr(), Type: 3, Code: 0, Protocol: 6, Src: client, Dst: server})
		}, []lookupFacts{{"b.test", "", "address unreachable from 192.0.2.54", 1, 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := &heardBy{}
			tc.do(h)
			sameFacts(t, facts(h.lookups.Close()), tc.want)
		})
	}
}

func TestCutAnswer(t *testing.T) {
	h := &heardBy{}
	h.ask(1, query(t, 1, "a.test.", dns.TypeA))
	b := reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, "a.test. 1 IN A 192.0.2.1", "a.test. 1 IN A 192.0.2.2")
	h.answer(2, b[:len(b)-2])
	q := h.lookups.Close()[0]
	same(t, "answers", len(q.Answers), 1)
	same(t, "cut", q.Cut, true)
	same(t, "replies, malformed", []int{q.Replies, h.lookups.Malformed}, []int{1, 1})
}

func TestManyAnswersBounded(t *testing.T) {
	h := &heardBy{}
	b := query(t, 1, "a.test.", dns.TypeA)
	for i := range 1000 {
		h.ask(i, b)
	}
	q := h.lookups.Close()[0]
	same(t, "attempts", q.Attempts, 1000)
	same(t, "frames", len(q.Frames), maxLookupFrames)
}

func TestManyLookupsBounded(t *testing.T) {
	h := &heardBy{}
	h.lookups.Max = 5000
	began := time.Now()
	for i := range 20_000 {
		h.ask(i, query(t, uint16(i), strconv.Itoa(i)+".test.", dns.TypeA))
	}
	h.lookups.Unreachable(&flow.Unreachable{From: server.Addr(), Type: 3, Code: 3, Protocol: 17, Src: client, Dst: server, Mark: at(4)})
	for i := range 5000 {
		h.answer(i, reply(t, uint16(i), strconv.Itoa(i)+".test.", dns.TypeA, dns.RcodeNameError))
	}
	same(t, "lookups, beyond", []int{len(h.lookups.Close()), h.lookups.Beyond}, []int{5000, 15_000})
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	failed := 0
	for _, q := range h.lookups.Close() {
		if q.Error != "" {
			failed++
		}
	}
	same(t, "told the ICMP error", failed, maxOpen)
}

func TestDNSOverTCP(t *testing.T) {
	framed := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	c, out := newTalk(53)
	s := NewDetect(c)
	both := append(framed(query(t, 1, "a.test.", dns.TypeA)), framed(query(t, 2, "a.test.", dns.TypeAAAA))...)
	s.Data(flow.ToServer, both[:5], at(1))
	s.Data(flow.ToServer, both[5:40], at(2))
	s.Data(flow.ToServer, both[40:], at(3))
	answer := framed(reply(t, 2, "a.test.", dns.TypeAAAA, dns.RcodeSuccess, "a.test. 1 IN AAAA 2001:db8::1"))
	s.Data(flow.ToClient, answer, at(4))
	s.Gap(flow.ToClient, 3, at(5))
	s.Data(flow.ToClient, answer, at(6))
	var l Lookups
	for _, m := range out.messages {
		l.Add(m)
	}
	list := l.Close()
	sameFacts(t, facts(list), facts([]*trace.Lookup{
		{Name: "a.test", Attempts: 1}, {Name: "a.test", RCode: "NOERROR", Attempts: 1, Replies: 1},
	}))
	same(t, "transport", list[1].Transport, "tcp")
	same(t, "server", list[1].Server, "192.0.2.2:53")
	same(t, "frames", list[1].Frames, []int{3, 4})
	same(t, "took", list[1].Duration, ms(1))
	same(t, "layers", c.Facts.Layers, []string{"dns"})
	same(t, "notes", len(c.Facts.Notes), 1)
}

func TestDNSOverTCPElsewhere(t *testing.T) {
	framed := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	for b, want := range map[string]int{
		string(framed(query(t, 1, "a.test.", dns.TypeA))):           1,
		string(framed(query(t, 1, "a.test.", dns.TypeA))[:20]):      0,
		string(framed(query(t, 1, "a.test.", dns.TypeA))) + "\x00":  1,
		string(framed([]byte("no message, and of the wrong size"))): 0,
	} {
		c, out := newTalk(5300)
		NewDetect(c).Data(flow.ToServer, []byte(b), at(1))
		same(t, "messages", len(out.messages), want)
	}
}

func TestMillisOfLookup(t *testing.T) {
	// The duration is of the first attempt, which is what the asker waited for.
	h := &heardBy{}
	h.ask(0, query(t, 1, "a.test.", dns.TypeA))
	h.ask(5000, query(t, 1, "a.test.", dns.TypeA))
	h.answer(5010, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess))
	same(t, "took", h.lookups.Close()[0].Duration.Duration(), 5010*time.Millisecond)
}
