package decode

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

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
	return &http.Transport{DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
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
