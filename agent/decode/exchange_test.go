package decode

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

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
	b.Reset()
	z = gzip.NewWriter(&b)
	z.Write(make([]byte, 8<<20))
	z.Close()
	r.Body = b.Bytes()
	same(t, "a bomb", len(Plain(r)), maxPlain)
	r.ResponseHeaders = nil
	same(t, "identity", Plain(r), r.Body)
}
