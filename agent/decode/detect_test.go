package decode

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestDetect(t *testing.T) {
	for _, tc := range []struct{ name, script, layers string }{
		{"nothing", "", ""},
		{"SSH", `<< SSH-2.0-OpenSSH\r\n` + "\n" + `>> SSH-2.0-Go\r\n`, "opaque"},
		{"a silent client", `<< 220 mail.test ESMTP\r\n` + "\n>FIN\n<FIN", "opaque"},
		{"mail", `<< 220 mail.test ESMTP\r\n` + "\n" + `>> EHLO x\r\n`, "opaque"},
		{"RTSP", `>> OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n`, "opaque"},
		{"a cut request line", ">> GE\nRST", "http1"},
		{"an unusual method", `>> M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n`, "http1"},
		{"HTTP/2", ">> PRI * HT\n" + `>> TP/2.0\r\n\r\nSM\r\n\r\n`, "http2"},
		{"HTTP without a version", `>> GET /\r\n`, "http1"},
		{"Redis", `>> SET a b\r\n`, "opaque"},
		{"binary", `>> \x00\x01\x02`, "opaque"},
		{"TLS alert of a server", `<< \x15\x03\x01\x00\x02\x02F` + "\n<FIN\n>FIN", "opaque"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := newTalk(80)
			play(t, NewDetect(c), tc.script)
			same(t, "layers", strings.Join(c.Facts.Layers, " "), tc.layers)
		})
	}
}

func TestMatchTLS(t *testing.T) {
	for _, tc := range []struct {
		d     flow.Dir
		first string
		want  verdict
	}{
		{toServer, "\x16", more},
		{toServer, "\x16\x03\x01\x02\x00", more},
		{toServer, "\x16\x03\x01\x02\x00\x01", yes},
		{toServer, "\x16\x03\x01\x02\x00\x02", no},
		{toClient, "\x16\x03\x03\x02\x00\x02", yes},
		{toServer, "\x16\x02", no},
		{toServer, "\x16\x03\x01\x00\x00\x01", no},
		{toServer, "\x16\x03\x01\xff\xff\x01", no},
		{toServer, "G", no},
		{toServer, "\x80", more},
		{toServer, "\x80\x2e\x01\x03\x01\x00", yes},
		{toServer, "\x80\x2e\x01\x00\x02\x00", no},
		{toClient, "\x80\x2e\x01\x03\x01\x00", no},
	} {
		if got := matchTLS(nil, tc.d, []byte(tc.first)); got != tc.want {
			t.Errorf("%q: %d, want %d", tc.first, got, tc.want)
		}
	}
}

// kept is a stream that keeps what it gets.
type kept struct{ held }

func (k *kept) Data(d flow.Dir, b []byte, m flow.Mark)       { k.held.data(d, b, m) }
func (k *kept) Gap(d flow.Dir, n uint64, m flow.Mark)        { k.held.gap(d, n, m) }
func (k *kept) End(d flow.Dir, how flow.Ending, m flow.Mark) { k.held.end(d, how, m) }

// splitTo gives s the pieces in parts of some size, all with one mark.
func splitTo(pieces []piece, s flow.Stream, size func() int, m flow.Mark) {
	for _, p := range pieces {
		switch {
		case p.end:
			s.End(p.d, p.how, m)
		case p.gap > 0:
			s.Gap(p.d, p.gap, m)
		}
		for b := p.b; len(b) > 0; {
			n := min(size(), len(b))
			s.Data(p.d, b[:n], m)
			b = b[n:]
		}
	}
}

// The marks that a decoder sees are those of the bytes, however long they were
// held back.
func TestHeldMarks(t *testing.T) {
	got, s := &kept{}, &held{}
	s.gap(toClient, 3, at(1))
	s.gap(toClient, 4, at(2))
	s.data(toServer, []byte("abc"), at(3))
	s.data(toClient, []byte("def"), at(4))
	s.end(toServer, flow.Reset, at(5))
	s.replay(got)
	want := []piece{
		{d: toClient, gap: 7, mark: at(1)}, {d: toServer, b: []byte("abc"), mark: at(3)},
		{d: toClient, b: []byte("def"), mark: at(4)}, {d: toServer, end: true, how: flow.Reset, mark: at(5)},
	}
	samePieces(t, got.pieces, want)
	got.forget(toClient)
	samePieces(t, got.pieces, []piece{want[1], want[3], {d: toClient, gap: 10, mark: at(4)}})
	same(t, "size", got.size, 3)
}

func samePieces(t *testing.T, got, want []piece) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d pieces, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		same(t, "bytes", string(g.b), string(w.b))
		if g.d != w.d || g.gap != w.gap || g.end != w.end || g.how != w.how || g.mark != w.mark {
			t.Errorf("piece %d: %+v, want %+v", i, g, w)
		}
	}
}

// A server that talks before the client must not make us keep all of it.
func TestServerFirstBounded(t *testing.T) {
	c, out := newTalk(80)
	s := NewDetect(c).(*detect)
	for i := range 1000 {
		s.Data(toClient, make([]byte, 1400), at(i))
	}
	if s.held.size > 3*maxFirst {
		t.Errorf("%d bytes held", s.held.size)
	}
	play(t, s, `>> GET / HTTP/1.1\r\nHost: h\r\n\r\n
		<< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`)
	same(t, "requests", tellAll(out.requests), "GET http://h/ HTTP/1.1 => 200 OK complete\n")
}

// conversations are long ones of every protocol, for the tests below.
func conversations(t *testing.T) map[string][]piece {
	all := map[string][]piece{}
	record := func(name, script string) {
		k := &kept{}
		play(t, k, script)
		all[name] = k.pieces
	}
	record("http1", `
		>> \r\nGET /a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n
		<< HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello
		<< HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nA: b\r\n\r\n
		>> GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\n\r\nHEAD /c HTTP/1.1\r\nHost: h\r\n\r\nCONNECT t:80 HTTP/1.1\r\n\r\nGET /in HTTP/1.0\r\n\r\n
		<< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\nHTTP/1.1 200 Yes\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end
		<FIN`)
	record("socks5", `
		>> \x05\x02\x00\x02
		<< \x05\x02
		>> \x01\x04user\x06secret\x05\x01\x00\x03\x01h\x00\x50GET / HTTP/1.1\r\nHost: h\r\n\r\n
		<< \x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`)
	record("socks4", `
		>> \x04\x01\x00\x50\x00\x00\x00\x07me\x00h.test\x00GET / HTTP/1.1\r\n\r\n
		<< \x00\x5a\x00\x00\x00\x00\x00\x00HTTP/1.1 204 None\r\n\r\n`)
	k := &kept{}
	w := newTalker2(t, k).begin()
	w.get(1, "/1")
	w.headers(toServer, 3, false, ":method: PUT", ":scheme: http", ":path: /3", ":authority: h")
	w.headers(toClient, 1, false, ":status: 200", "content-type: text/plain")
	w.frame(toClient, func(f *xhttp2.Framer) error { return f.WriteDataPadded(1, false, []byte("abc"), make([]byte, 20)) })
	w.data(toServer, 3, true, "body")
	w.data(toClient, 1, true, "def")
	w.rst(toClient, 3, xhttp2.ErrCodeCancel)
	w.get(5, "/5")
	w.goAway(3, xhttp2.ErrCodeInternal, "boom")
	w.end(flow.Finished)
	all["http2"] = k.pieces
	all["real http2"] = realHTTP2(t)
	return all
}

// realHTTP2 records net/http talking HTTP/2 to itself.
func realHTTP2(t *testing.T) []piece {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 50_000))
	}))
	cleartext := new(http.Protocols)
	cleartext.SetUnencryptedHTTP2(true)
	server.Config.Protocols = cleartext
	server.Start()
	defer server.Close()
	k := &kept{}
	p := &tap{s: k}
	tr := p.transport()
	tr.Protocols = cleartext
	for range 3 {
		resp, err := tr.RoundTrip(httptest.NewRequest("GET", server.URL, nil))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	p.end()
	return k.pieces
}

// understood is everything decoded of the pieces, cut into parts of some size.
func understood(pieces []piece, size func() int) (*trace.Connection, []*trace.Request) {
	c, out := newTalk(80)
	splitTo(pieces, NewDetect(c), size, at(1))
	return c.Facts, out.requests
}

// How the bytes are cut into packets changes nothing.
func TestAnySplit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, pieces := range conversations(t) {
		t.Run(name, func(t *testing.T) {
			facts, requests := understood(pieces, func() int { return 1 << 30 })
			if len(requests) == 0 {
				t.Fatal("nothing was understood")
			}
			for i := range 20 {
				size := func() int { return 1 + random.IntN(1+i*3) }
				f, r := understood(pieces, size)
				same(t, "facts", f, facts)
				same(t, "requests", r, requests)
			}
		})
	}
}

// A gap anywhere costs facts but invents none: nothing is blamed on the peer
// that the whole conversation does not show.
func TestAnyGap(t *testing.T) {
	for name, pieces := range conversations(t) {
		t.Run(name, func(t *testing.T) {
			_, whole := understood(pieces, func() int { return 1 << 30 })
			genuine := func(r *trace.Request) bool { // a head cut before its Host has no host
				return slices.ContainsFunc(whole, func(w *trace.Request) bool {
					return w.Method == r.Method && strings.HasSuffix(w.URL, r.URL)
				})
			}
			for i, p := range pieces {
				if len(p.b) < 2 || len(p.b) > 4096 {
					continue
				}
				for _, cut := range []int{0, 1, len(p.b) / 2, len(p.b) - 1} {
					holed := append([]piece(nil), pieces[:i]...)
					if cut > 0 {
						holed = append(holed, piece{d: p.d, b: p.b[:cut]})
					}
					holed = append(holed, piece{d: p.d, gap: uint64(len(p.b) - cut)})
					holed = append(holed, pieces[i+1:]...)
					_, requests := understood(holed, func() int { return 1 << 30 })
					for _, r := range requests {
						if !genuine(r) {
							t.Errorf("piece %d cut at %d: invented %s", i, cut, tell(r))
						}
						if strings.HasPrefix(r.Error, MalformedAnswer) {
							t.Errorf("piece %d cut at %d: %s", i, cut, tell(r))
						}
					}
				}
			}
		})
	}
}

// hostile feeds two byte strings in turns, in parts of size bytes, with a gap
// for each part that begins with 0xfe, and checks what must always hold.
func hostile(t *testing.T, port uint16, alpn string, client, server []byte, size uint8) {
	parts := &kept{}
	both := [2][]byte{client, server}
	for n := 1; len(both[0])+len(both[1]) > 0; n++ {
		d := flow.Dir(n & 1)
		part := both[d][:min(len(both[d]), int(size)+1)]
		both[d] = both[d][len(part):]
		switch {
		case len(part) > 1 && part[0] == 0xfe:
			parts.Gap(d, uint64(part[1])+1, at(n))
		case len(part) > 0:
			parts.Data(d, part, at(n))
		}
	}
	how := flow.Ending(size % 3)
	parts.End(toServer, how, at(1000))
	parts.End(toClient, how, at(1000))
	decoded := func(wrap func(flow.Stream) flow.Stream) (*Conn, *heard) {
		c, out := newTalk(port)
		if alpn != "" {
			c = c.Inside(alpn)
		}
		countTo(t, parts.pieces, wrap(NewDetect(c)))
		return c, out
	}
	c, out := decoded(everyRecord)
	spared, some := decoded(func(s flow.Stream) flow.Stream { return s })
	same(t, "facts where bytes are counted", spared.Facts, c.Facts)
	same(t, "requests where bytes are counted", some.requests, out.requests)
	for _, r := range out.requests {
		switch {
		case r.Method == "", r.Headers == nil, len(r.Body) > MaxBody:
			t.Errorf("%+v", r)
		case !r.ResponseComplete && r.Error == "":
			t.Errorf("neither complete nor failed: %s", tell(r))
		case r.EndedAt.IsZero():
			t.Errorf("no end: %s", tell(r))
		}
	}
	if len(c.Facts.Notes) > maxNotes {
		t.Errorf("%d notes", len(c.Facts.Notes))
	}
}

// seeds are the two sides of each conversation.
func seeds(pieces []piece) (client, server []byte) {
	for _, p := range pieces {
		if p.d == toServer {
			client = append(client, p.b...)
		} else {
			server = append(server, p.b...)
		}
	}
	return client, server[:min(len(server), 2000)]
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte("\x16\x03\x01\x00\x05\x01"), []byte("\x15\x03\x01\x00\x02\x02F"), uint8(3))
	f.Add([]byte("SSH-2.0-x\r\n"), []byte("SSH-2.0-y\r\n"), uint8(99))
	f.Fuzz(func(t *testing.T, client, server []byte, size uint8) {
		hostile(t, 80, "", client, server, size)
		hostile(t, 443, "h2", client, server, size)
	})
}

func FuzzHTTP1(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), uint8(9))
	f.Add([]byte("CONNECT h:1 HTTP/1.1\r\n\r\nCONNECT h:2 HTTP/1.1\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), uint8(5))
	f.Add([]byte("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"+preface2), []byte("HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), uint8(200))
	f.Fuzz(func(t *testing.T, client, server []byte, size uint8) {
		hostile(t, 80, "", append([]byte("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"), client...), server, size)
	})
}

func FuzzHTTP2(f *testing.F) {
	k := &kept{}
	w := newTalker2(f, k).begin()
	w.get(1, "/1")
	w.headers(toClient, 1, false, ":status: 200", "content-type: text/plain")
	w.frame(toClient, func(fr *xhttp2.Framer) error { return fr.WriteDataPadded(1, true, []byte("abc"), make([]byte, 20)) })
	client, server := seeds(k.pieces)
	f.Add(client[len(preface2):], server, uint8(30))
	f.Add([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), []byte("HTTP/1.1 400"), uint8(255))
	f.Fuzz(func(t *testing.T, client, server []byte, size uint8) {
		hostile(t, 80, "", append([]byte(preface2), client...), server, size)
	})
}

func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x05\x02\x00\x02\x01\x01u\x01p\x05\x01\x00\x03\x01h\x00\x50GET / HTTP/1.1\r\n\r\n"), []byte("\x05\x02\x01\x00\x05\x00\x00\x01\x01\x01\x01\x01\x00\x50HTTP/1.1 200 OK\r\n\r\n"), uint8(7))
	f.Add([]byte("\x04\x01\x00\x50\x00\x00\x00\x07me\x00h.test\x00GET / HTTP/1.1\r\n\r\n"), []byte("\x00\x5a\x00\x00\x00\x00\x00\x00"), uint8(50))
	f.Fuzz(func(t *testing.T, client, server []byte, size uint8) { hostile(t, 1080, "", client, server, size) })
}

func FuzzDNS(f *testing.F) {
	f.Add(query(f, 1, "a.test.", 1), reply(f, 1, "a.test.", 1, 0, "a.test. 1 IN A 192.0.2.1"), uint8(255))
	f.Fuzz(func(t *testing.T, question, answer []byte, size uint8) {
		h := &heardBy{}
		h.ask(1, question)
		h.answer(2, answer)
		h.answer(3, question)
		elsewhere := netip.MustParseAddrPort("192.0.2.9:4000")
		Datagram(&flow.Datagram{Src: client, Dst: elsewhere, Payload: question}, h)
		Datagram(&flow.Datagram{Src: elsewhere, Dst: client, Payload: answer}, h)
		for _, q := range h.lookups.Close() {
			if q.Name == "" || q.Type == "" || q.Attempts+q.Replies == 0 {
				t.Errorf("%+v", q)
			}
		}
		hostile(t, portDNS, "", question, answer, size)
		hostile(t, 5300, "", question, answer, size)
	})
}
