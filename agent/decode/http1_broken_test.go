package decode

import (
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

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
			name: "gap in the head of a refusal",
			script: `
				>> CONNECT h:1 HTTP/1.1\r\n\r\nGET http://h/ HTTP/1.1\r\n\r\n
				<< HTTP/1.1 407 No\r\nX
				<GAP 9`,
			want: `CONNECT h:1 HTTP/1.1 => 407 No error "answer not observed to its end"
				GET http://h/ HTTP/1.1 => error "no answer"`,
		},
		{
			name:   "four digits are no status",
			script: request + "\n<< HTTP/1.1 2000 OK\\r\\n\\r\\n",
			want:   `GET http://h/ HTTP/1.1 => error "malformed answer: \"HTTP/1.1 2000 OK\\r\\n\""`,
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
