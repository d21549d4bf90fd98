package decode

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/flow"
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
			name: "request line with blanks and a target that is no path",
			script: `
				>> GET /a b.html HTTP/1.1\r\nHost: h\r\n\r\nGET odd HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n`,
			want: `
				GET http://h/a b.html HTTP/1.1 => 400 Bad Request complete
				GET odd HTTP/1.1 => 400 Bad Request complete`,
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

func TestHTTP1Broken(t *testing.T) {
	const request = `>> GET / HTTP/1.1\r\nHost: h\r\n\r\n`
	talks := []talk{
		{name: "no answer", script: request, want: `GET http://h/ HTTP/1.1 => error "no answer"`},
		{name: "reset", script: request + "\nRST", want: `GET http://h/ HTTP/1.1 => error "connection reset"`},
		{name: "closed", script: request + "\n<FIN", want: `GET http://h/ HTTP/1.1 => error "connection closed before an answer"`},
		{
			name:   "request after the end",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\n<FIN\n" + request,
			want: `GET http://h/ HTTP/1.1 => 200 OK complete
				GET http://h/ HTTP/1.1 => error "connection closed before an answer"`,
		},
		{
			name:   "cut by close",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nabc\n<FIN",
			want:   `GET http://h/ HTTP/1.1 => 200 OK +3 error "answer cut: got 3 of 10 bytes"`,
		},
		{
			name:   "cut by reset",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nabc\nRST",
			want:   `GET http://h/ HTTP/1.1 => 200 OK +3 error "answer cut: got 3 of 10 bytes, connection reset"`,
		},
		{
			name:   "stalled",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nabc",
			want:   `GET http://h/ HTTP/1.1 => 200 OK +3 error "answer cut: got 3 of 10 bytes, connection still open"`,
		},
		{
			name:   "until close, cut by reset",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\n\\r\\nabc\nRST",
			want:   `GET http://h/ HTTP/1.1 => 200 OK +3 error "answer cut: got 3 bytes, connection reset"`,
		},
		{
			name:   "chunks without the last",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n\n<FIN",
			want:   `GET http://h/ HTTP/1.1 => 200 OK +3 error "answer cut: got 3 bytes"`,
		},
		{
			name:   "chunk size that is none",
			script: request + "\n<< HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\nabc\\r\\n\n<FIN",
			want:   `GET http://h/ HTTP/1.1 => 200 OK error "answer cut: its framing is broken"`,
		},
		{
			name:   "head cut",
			script: request + "\n<< HTTP/1.1 503 Busy\\r\\nRetry-After: 1\\r\\nCont\n<FIN",
			want:   `GET http://h/ HTTP/1.1 => 503 Busy error "answer cut: got 0 bytes"`,
		},
		{
			name:   "request head cut",
			script: `>> GET /x HTTP/1.1\r\nHost: h\r\nUser-A` + "\nRST",
			want:   `GET http://h/x HTTP/1.1 => error "connection reset"`,
		},
		{
			name:   "TLS alert for an answer",
			script: request + "\n<< \\x15\\x03\\x01\\x00\\x02\\x02F\n<FIN",
			want:   `GET http://h/ HTTP/1.1 => error "malformed answer: \"\\x15\\x03\\x01\\x00\\x02\\x02F\""`,
		},
		{
			name:   "SSH banner for an answer",
			script: request + "\n<< SSH-2.0-OpenSSH_9\\r\\n\n<FIN",
			want:   `GET http://h/ HTTP/1.1 => error "malformed answer: \"SSH-2.0-OpenSSH_9\\r\\n\""`,
		},
		{
			name: "resynchronises after nonsense of the server",
			script: request + `
				<< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc\r\n
				>> GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
			want: `GET http://h/ HTTP/1.1 => 200 OK +1 complete
				GET http://h/2 HTTP/1.1 => 200 OK complete`,
			notes: []string{`HTTP/1: frame 2: no message starts with "bc\r\n" (sent by remote)`},
		},
		{
			name: "gap in a body",
			script: request + `
				<< HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc
				<GAP 7
				` + request + `
				<< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabc
				<GAP 3
				<< gh\r\n0\r\n\r\n`,
			want: `GET http://h/ HTTP/1.1 => 200 OK +10 complete
				GET http://h/ HTTP/1.1 => 200 OK +8 complete`,
		},
		{
			name: "gap over the end of a body and the next answer",
			script: request + `
				<< HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc
				` + request + `
				<GAP 100
				` + request + `
				<< HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n`,
			want: `GET http://h/ HTTP/1.1 => 200 OK +3 error "answer not observed to its end"
				GET http://h/ HTTP/1.1 => error "answer not observed"
				GET http://h/ HTTP/1.1 => 202 OK complete`,
		},
		{
			name: "gap in heads",
			script: `
				>> GET /1 HTTP/1.1\r\nHost: h\r\nUser
				>GAP 20
				>> x\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-
				<GAP 100
				<< HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc`,
			want: `GET http://h/1 HTTP/1.1 => 200 OK error "answer not observed to its end"
				GET http://h/2 HTTP/1.1 => 200 OK +3 complete`,
		},
		{
			name: "capture that begins in the middle",
			script: `
				<GAP 1
				<< rest of a body
				>GAP 1
				>> GET /2 HTTP/1.1\r\nHost: h\r\n\r\n
				<< HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc`,
			want: `GET http://h/2 HTTP/1.1 => 200 OK +3 complete`,
		},
	}
	for _, tc := range talks {
		t.Run(tc.name, tc.check)
	}
}

func TestResetBy(t *testing.T) {
	for _, tc := range []struct{ by, want string }{{"local", ResetByLocal}, {"remote", ResetByRemote}} {
		c, out := newTalk(80)
		c.Facts.ResetBy = tc.by
		play(t, NewDetect(c), `>> GET / HTTP/1.1\r\n\r\n`+"\nRST")
		same(t, "error", out.requests[0].Error, tc.want)
	}
	c, out := newTalk(80)
	by := flow.ToClient
	c.TCP = &flow.Conn{ResetBy: &by}
	play(t, NewDetect(c), `>> GET / HTTP/1.1\r\n\r\n`+"\nRST")
	same(t, "error", out.requests[0].Error, ResetByRemote)
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

func TestBody(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 4096) // 64 KiB
	sum := sha256.Sum256([]byte(body))
	c, out := newTalk(80)
	s := NewDetect(c)
	play(t, s, `>> GET /x/@v/list HTTP/1.1\r\nHost: h\r\n\r\n
		<< HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n`+body)
	r := out.requests[0]
	same(t, "sha256", r.ResponseSHA256, hex.EncodeToString(sum[:]))
	same(t, "kept", string(r.Body), body[:MaxBody])

	c, out = newTalk(80)
	play(t, NewDetect(c), `>> GET /x.zip HTTP/1.1\r\nHost: h\r\n\r\n
		<< HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: 65536\r\n\r\n`+body[:65530]+"\n<GAP 6")
	r = out.requests[0]
	same(t, "sha256 over a gap", r.ResponseSHA256, "")
	same(t, "kept of a zip", len(r.Body), 0)
}

func TestBodyTooLongToHash(t *testing.T) {
	for _, head := range []string{"Content-Length: 2097152", "X: y"} {
		c, out := newTalk(80)
		s := NewDetect(c)
		s.Data(flow.ToServer, []byte("GET /x.zip HTTP/1.1\r\nHost: h\r\n\r\n"), at(1))
		s.Data(flow.ToClient, []byte("HTTP/1.1 200 OK\r\n"+head+"\r\n\r\n"), at(2))
		s.Data(flow.ToClient, make([]byte, 2<<20), at(3))
		s.End(flow.ToClient, flow.Finished, at(4))
		r := out.requests[0]
		same(t, "sha256", r.ResponseSHA256, "")
		same(t, "bytes", r.ResponseBytes, uint64(2<<20))
		same(t, "complete", r.ResponseComplete, true)
	}
}

func TestPlain(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, strings.Repeat("text ", 100))
	z.Close()
	r := &trace.Request{ResponseHeaders: []trace.Header{{Name: "content-encoding", Value: "gzip"}}, Body: b.Bytes()}
	same(t, "gzip", string(Plain(r)), strings.Repeat("text ", 100))
	r.Body = b.Bytes()[:b.Len()-12]
	if got := string(Plain(r)); !strings.HasPrefix(strings.Repeat("text ", 100), got) || got == "" {
		t.Errorf("cut gzip: %q", got)
	}
	r.ResponseHeaders = nil
	same(t, "identity", Plain(r), r.Body)
}

func TestLimitsHTTP1(t *testing.T) {
	c, out := newTalk(80)
	s := NewDetect(c)
	s.Data(flow.ToServer, []byte("GET / HTTP/1.1\r\n"), at(1))
	for i := range 40_000 {
		s.Data(flow.ToServer, []byte("X-Endless: 0123456789\r\n"), at(2+i))
	}
	same(t, "requests", len(out.requests), 0)
	same(t, "notes", len(c.Facts.Notes) > 0, true)

	c, out = newTalk(80)
	play(t, NewDetect(c), `>> GET / HTTP/1.1\r\n`+strings.Repeat(`A:b\r\n`, 2*maxFields)+`\r\n`)
	same(t, "fields", len(out.requests[0].Headers), maxFields)

	c, out = newTalk(80)
	play(t, NewDetect(c), strings.Repeat(`>> GET / HTTP/1.1\r\n\r\n`+"\n", maxPipelined+10))
	same(t, "pipelined", len(out.requests), maxPipelined+10)
	same(t, "notes", len(c.Facts.Notes), 1)
}

// tap gives a stream what a real client and server say to each other.
type tap struct {
	sync.Mutex
	s    flow.Stream
	n    int
	over bool
}

// tapped is a client's connection with a tap.
type tapped struct {
	net.Conn
	tap *tap
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tap.told(flow.ToClient, b[:n])
	return n, err
}

func (c *tapped) Write(b []byte) (int, error) {
	c.tap.told(flow.ToServer, b)
	return c.Conn.Write(b)
}

func (p *tap) told(d flow.Dir, b []byte) {
	p.Lock()
	defer p.Unlock()
	if p.n++; !p.over {
		p.s.Data(d, b, at(p.n))
	}
}

// transport makes one connection, the tapped one.
func (p *tap) transport() *http.Transport {
	return &http.Transport{Dial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		return &tapped{conn, p}, err
	}}
}

// end ends the conversation.
func (p *tap) end() {
	p.Lock()
	defer p.Unlock()
	p.over = true
	p.s.End(flow.ToServer, flow.Finished, at(p.n+1))
	p.s.End(flow.ToClient, flow.Finished, at(p.n+1))
}

func TestRealHTTP1(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/stream" {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, strings.Repeat("x", 10_000))
	}))
	defer server.Close()
	c, out := newTalk(80)
	p := &tap{s: NewDetect(c)}
	tr := p.transport()
	for _, path := range []string{"/plain", "/stream", "/plain?2"} {
		req, _ := http.NewRequest("POST", server.URL+path, strings.NewReader("body"))
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	p.end()
	want := strings.ReplaceAll(lines(`
		POST URL/plain HTTP/1.1 +4 => 200 OK +10000 complete
		POST URL/stream HTTP/1.1 +4 => 200 OK +10000 complete
		POST URL/plain?2 HTTP/1.1 +4 => 200 OK +10000 complete`), "URL", server.URL)
	same(t, "requests", tellAll(out.requests), want)
}
