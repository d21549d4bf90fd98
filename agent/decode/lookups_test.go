package decode

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// What an answer tells beside its records.
func TestAnswerFacts(t *testing.T) {
	first := "a.test. 60 IN A 192.0.2.1"
	for _, tc := range []struct {
		name            string
		asked           int
		replies         [][]byte
		disputed        []trace.Answer
		truncated, lame bool
	}{
		{name: "two that have nothing in common", asked: 1, replies: [][]byte{
			reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, first), reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, "a.test. 5 IN A 192.0.2.2"),
		}, disputed: []trace.Answer{{Name: "a.test", Type: "A", TTL: 5, Data: "192.0.2.2"}}},
		{name: "two with a record in common", asked: 1, replies: [][]byte{
			reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, first), reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, "a.test. 5 IN A 192.0.2.2", first),
		}},
		{name: "two to a question that was repeated", asked: 2, replies: [][]byte{
			reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, first), reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess, "a.test. 5 IN A 192.0.2.2"),
		}},
		{name: "truncated", asked: 1, replies: [][]byte{with(t, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess), func(m *dns.Msg) {
			m.Truncated, m.RecursionAvailable = true, true
		})}, truncated: true},
		{name: "lame", asked: 1, replies: [][]byte{reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess)}, lame: true},
		{name: "empty, by a resolver", asked: 1, replies: [][]byte{with(t, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess), func(m *dns.Msg) {
			m.RecursionAvailable = true
		})}},
		{name: "empty, by the name's own server", asked: 1, replies: [][]byte{with(t, reply(t, 1, "a.test.", dns.TypeA, dns.RcodeSuccess), func(m *dns.Msg) {
			m.Authoritative = true
		})}},
	} {
		h := &heardBy{}
		for range tc.asked {
			h.ask(1, query(t, 1, "a.test.", dns.TypeA))
		}
		for _, m := range tc.replies {
			h.answer(2, m)
		}
		l := h.lookups.Close()[0]
		same(t, tc.name+": disputed", l.Disputed, tc.disputed)
		same(t, tc.name+": truncated, lame", []bool{l.Truncated, l.Lame}, []bool{tc.truncated, tc.lame})
	}
}

// with changes a packed message.
func with(t *testing.T, b []byte, change func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	change(m)
	return pack(t, m)
}

// What a local resolver asks has the same form as what the command asks, and is
// marked; the transport is that of the message.
func TestUpstreamLookup(t *testing.T) {
	h := &heardBy{}
	h.ask(1, query(t, 1, "a.test.", dns.TypeA))
	for i, tcp := range []bool{false, true} {
		id := uint16(7 + i)
		Datagram(&flow.Datagram{Src: client, Dst: server, Payload: query(t, id, "A.Test.", dns.TypeA), Mark: at(2), Upstream: true, TCP: tcp}, h)
		Datagram(&flow.Datagram{Src: server, Dst: client, Payload: reply(t, id, "a.test.", dns.TypeA, dns.RcodeRefused), Mark: at(3), Upstream: true, TCP: tcp}, h)
	}
	var got []string
	for _, l := range h.lookups.Close() {
		got = append(got, fmt.Sprint(l.Name, " ", l.Transport, " ", l.RCode, " ", l.Upstream, " ", l.PID))
	}
	same(t, "lookups", got, []string{"a.test udp  false 42", "A.Test udp REFUSED true 0", "A.Test tcp REFUSED true 0"})
}

// A lookup beyond the bound is one, with its answer or without.
func TestLookupsBeyond(t *testing.T) {
	const kept = 2
	for name, tt := range map[string]struct {
		asks, answers bool
		want          int
	}{
		"asked and answered": {true, true, 8},
		"asked":              {true, false, 8},
		"answered":           {false, true, 8},
	} {
		h := &heardBy{lookups: Lookups{Max: kept}}
		for i := range uint16(kept + 8) {
			name := fmt.Sprintf("%d.test.", i)
			if tt.asks {
				h.ask(1, query(t, i, name, dns.TypeA))
			}
			if tt.answers {
				h.answer(2, reply(t, i, name, dns.TypeA, dns.RcodeSuccess))
			}
		}
		same(t, name+": lookups, beyond", []int{len(h.lookups.Close()), h.lookups.Beyond}, []int{kept, tt.want})
	}
}
