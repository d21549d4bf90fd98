package decode

import (
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestHTTP1Talks(t *testing.T) {
	talks := []talk{
		{
			name: "keep-alive",
			script: `
				>> GET /a HTTP/1.1\r\nHost: mod.test\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello
				>> GET /b HTTP/1.1\r\nHost: mod.test:8080\r\n\r\n
				<< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n`,
			want: `
				GET http://mod.test/a HTTP/1.1 => 200 OK +5 complete
				GET http://mod.test:8080/b HTTP/1.1 => 404 Not Found complete`,
			layers: []string{"http1"},
		},
		{
			name: "pipelining, answers in one packet",
			script: `
				>> GET /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n`,
			want: `
				GET http://h/a HTTP/1.1 => 200 OK +1 complete
				HEAD http://h/b HTTP/1.1 => 200 OK complete
				GET http://h/c HTTP/1.1 => 204 No Content complete`,
		},
		{
			name: "chunked with extension and trailers",
			script: `
				>> POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n
				<< HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4;x=y\r\nwiki\r\n
				<< 5\r\npedia\r\n0\r\nDigest: 1\r\n\r\n
				>> GET / HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n`,
			want: `
				POST http://h/p HTTP/1.1 +3 => 200 OK +9 complete
				GET http://h/ HTTP/1.1 => 304 Not Modified complete`,
		},
		{
			name: "until close",
			script: `
				>> GET / HTTP/1.0\r\n\r\n
				<< HTTP/1.0 200 OK\r\n\r\nsome
				<< more
				<FIN
				>FIN`,
			want: `GET / HTTP/1.0 => 200 OK +8 complete`,
		},
		{
			name: "bare LF, empty lines before, no reason",
			script: `
				>> \r\n\nGET /x HTTP/1.1\nhost: h\n\n
				<< HTTP/1.1 200\nContent-length: 2\n\nok`,
			want: `GET http://h/x HTTP/1.1 => 200 +2 complete`,
		},
		{
			name: "interim answers",
			script: `
				>> PUT /u HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n
				<< HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n
				>> body
				<< HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n`,
			want: `PUT http://h/u HTTP/1.1 +4 => [100 103] 201 Created complete`,
		},
		{
			name: "answer before the request's end",
			script: `
				>> PUT /u HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhalf
				<< HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno
				>> half
				>> GET / HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
			want: `
				PUT http://h/u HTTP/1.1 +8 => 413 Too Large +2 complete
				GET http://h/ HTTP/1.1 => 200 OK complete`,
		},
		{
			name: "proxy, absolute-form",
			script: `
				>> GET http://mod.test/x?q=http://y HTTP/1.1\r\nHost: mod.test\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
				>> OPTIONS * HTTP/1.1\r\nHost: mod.test\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
			want: `
				GET http://mod.test/x?q=http://y HTTP/1.1 => 200 OK complete
				OPTIONS http://mod.test HTTP/1.1 => 200 OK complete`,
		},
		{
			name: "CONNECT opens a tunnel",
			script: `
				>> CONNECT mod.test:80 HTTP/1.1\r\nHost: mod.test:80\r\n\r\n
				<< HTTP/1.1 200 Connection established\r\n\r\n
				>> GET /in HTTP/1.1\r\nHost: mod.test\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
			want: `
				CONNECT mod.test:80 HTTP/1.1 => 200 Connection established complete
				GET http://mod.test/in HTTP/1.1 => 200 OK +2 complete`,
			layers: []string{"http1", "http1"},
		},
		{
			name: "bytes into the tunnel before the answer, and behind it in one packet",
			script: `
				>> CONNECT mod.test:80 HTTP/1.1\r\nHost: mod.test:80\r\n\r\nGET /in HTTP/1.1\r\n
				>> Host: mod.test\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
			want: `
				CONNECT mod.test:80 HTTP/1.1 => 200 OK complete
				GET http://mod.test/in HTTP/1.1 => 200 OK +2 complete`,
		},
		{
			name: "CONNECT refused, then allowed",
			script: `
				>> CONNECT mod.test:80 HTTP/1.1\r\n\r\n
				<< HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwho?
				>> CONNECT mod.test:80 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\n
				<< HTTP/1.1 200 OK\r\n\r\n
				>> SSH-2.0-x\r\n`,
			want: `
				CONNECT mod.test:80 HTTP/1.1 => 407 Proxy Authentication Required +4 complete
				CONNECT mod.test:80 HTTP/1.1 => 200 OK complete`,
			layers: []string{"http1", "opaque"},
		},
		{
			name: "upgrade to something else",
			script: `
				>> GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n
				<< HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05Hello
				>> GET / HTTP/1.1\r\n\r\n`,
			want:   `GET http://h/ws HTTP/1.1 => 101 Switching Protocols complete`,
			layers: []string{"http1", "opaque"},
		},
		{
			name: "upgrade refused, next request already sent",
			script: `
				>> GET /1 HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2`,
			want: `
				GET http://h/1 HTTP/1.1 => 200 OK +1 complete
				GET http://h/2 HTTP/1.1 => 200 OK +1 complete`,
		},
		{
			name: "HTTP/2 after an upgrade that was not captured",
			script: `
				<< HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n
				>> PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00
				>> \x00\x00\x06\x01\x05\x00\x00\x00\x03\x82\x84\x86\x41\x01h`,
			want:   `#3 GET http://h/ HTTP/2.0 => error "no answer"`,
			layers: []string{"http1", "http2"},
		},
		{
			name: "an answer to nothing, and one to a request",
			script: `
				<< HTTP/1.1 200 OK\r\n\r\n
				>> GET / HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 204 No Content\r\n\r\n`,
			want: `GET http://h/ HTTP/1.1 => 204 No Content complete`,
		},
		{
			name:   "a request line cut behind its target",
			script: `>> GET /images/box.gif HTT`,
			want:   `GET /images/box.gif HTTP/1.1 => error "no answer"`,
		},
		{
			name: "request line with blanks and a target that is no path",
			script: `
				>> GET /a b.html HTTP/1.1\r\nHost: h\r\n\r\nGET odd HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n`,
			want: `
				GET http://h/a HTTP/1.1 => 400 Bad Request complete
				GET odd HTTP/1.1 => 400 Bad Request complete`,
			notes: []string{`HTTP/1: frame 1: blanks in a request target; "b.html" is left out`},
		},
		{
			name: "odd versions and blanks",
			script: `
				>> GET /0.9\r\n\r\nGET  /x  HTTP/1.10\r\nHost: h\r\n\r\n
				<< HTTP/2.0 \t200\tFine\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200\rOdd\r\nContent-Length: 0\r\n\r\n`,
			want: `
				GET /0.9 HTTP/1.0 => 200 Fine complete
				GET http://h/x HTTP/1.1 => 200 Odd complete`,
		},
		{
			name: "an answer to nothing",
			script: `
				<< HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n
				<FIN`,
		},
	}
	for _, tc := range talks {
		t.Run(tc.name, tc.check)
	}
}

func TestHTTP1Fields(t *testing.T) {
	c, out := newTalk(80)
	play(t, NewDetect(c), `
		>> GET /caf\xe9 HTTP/1.1\r\nhOsT:  h \r\nX-A: one\r\n  two\r\n\tthree\r\nX-A:\r\nno colon here\r\nX-L: \xe9\r\nX-U: é\r\n\r\n
		<< HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n  2\r\n\r\n`)
	r := out.requests[0]
	same(t, "URL", r.URL, "http://h/café")
	same(t, "request", r.Headers, []trace.Header{
		{Name: "hOsT", Value: "h"}, {Name: "X-A", Value: "one two three"}, {Name: "X-A"},
		{Name: "X-L", Value: "é"}, {Name: "X-U", Value: "é"},
	})
	same(t, "answer", r.ResponseHeaders, []trace.Header{
		{Name: "Set-Cookie", Value: "a"}, {Name: "Set-Cookie", Value: "b"}, {Name: "Transfer-Encoding", Value: "chunked"},
	})
	same(t, "trailers", r.Trailers, []trace.Header{{Name: "X-T", Value: "1 2"}})
}

func TestTimingsAndFrames(t *testing.T) {
	c, out := newTalk(80)
	play(t, NewDetect(c), `
		>> POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na
		>> b
		<< HTTP/1.1 200
		<<  OK\r\nContent-Length: 2\r\n\r\n
		<< x
		<< y`)
	r := out.requests[0]
	same(t, "timings", r.Timings, trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: 1, Wait: 1, Receive: 3})
	same(t, "frames", r.Frames, []int{1, 3, 6})
	same(t, "times", []time.Time{r.StartedAt, r.SentAt, r.AnsweredAt, r.EndedAt}, []time.Time{at(1).Time, at(2).Time, at(3).Time, at(6).Time})
	same(t, "ids", []uint32{uint32(r.Connection), r.PID}, []uint32{7, 42})
}

// An answer that overtakes the request: the phases still add up to the whole.
func TestTimingsOfEarlyAnswer(t *testing.T) {
	c, out := newTalk(80)
	play(t, NewDetect(c), `
		>> POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na
		<< HTTP/1.1 413 No\r\nContent-Length: 1\r\n\r\n
		>> b
		<< x`)
	same(t, "timings", out.requests[0].Timings, trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: 1, Wait: 0, Receive: 2})
}

func TestTunnelFacts(t *testing.T) {
	c, _ := newTalk(3128)
	play(t, NewDetect(c), `
		>> CONNECT mod.test:443 HTTP/1.1\r\n\r\n
		<< HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n`)
	took := trace.Millis(1)
	same(t, "tunnel", c.Facts.Tunnel, &trace.Tunnel{
		Protocol: "http-connect", Authority: "mod.test:443", Status: 403, StatusText: "Forbidden", Duration: &took, Frames: []int{1, 2},
	})
}

func TestNestedTunnels(t *testing.T) {
	c, out := newTalk(3128)
	script := strings.Repeat(`
		>> CONNECT next.test:3128 HTTP/1.1\r\n\r\n
		<< HTTP/1.1 200 OK\r\n\r\n`, 40)
	play(t, NewDetect(c), script)
	same(t, "requests", len(out.requests), maxDepth+1)
	same(t, "notes", len(c.Facts.Notes), 1)
}
