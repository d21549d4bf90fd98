package decode

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// talker2 writes HTTP/2 frames of both sides to a stream, a packet for each.
type talker2 struct {
	t     testing.TB
	s     flow.Stream
	n     int
	sides [2]*side2
}

type side2 struct {
	out    bytes.Buffer
	framer *xhttp2.Framer
	block  bytes.Buffer
	fields *hpack.Encoder
}

func newTalker2(t testing.TB, s flow.Stream) *talker2 {
	w := &talker2{t: t, s: s}
	for d := range w.sides {
		side := &side2{}
		side.framer = xhttp2.NewFramer(&side.out, nil)
		side.framer.AllowIllegalWrites = true
		side.fields = hpack.NewEncoder(&side.block)
		w.sides[d] = side
	}
	return w
}

// begin sends the preface and both SETTINGS.
func (w *talker2) begin() *talker2 {
	w.sides[flow.ToServer].out.WriteString(preface2)
	for _, d := range []flow.Dir{flow.ToServer, flow.ToClient} {
		w.frame(d, func(f *xhttp2.Framer) error { return f.WriteSettings() })
		w.frame(d, func(f *xhttp2.Framer) error { return f.WriteSettingsAck() })
	}
	return w
}

// send gives the stream what a side has written, as the next packet.
func (w *talker2) send(d flow.Dir, b []byte) {
	w.n++
	w.s.Data(d, b, at(w.n))
}

// frame writes and sends frames.
func (w *talker2) frame(d flow.Dir, write func(*xhttp2.Framer) error) {
	w.t.Helper()
	side := w.sides[d]
	if err := write(side.framer); err != nil {
		w.t.Fatal(err)
	}
	w.send(d, side.out.Bytes())
	side.out.Reset()
}

// encode compresses "name: value" fields.
func (w *talker2) encode(d flow.Dir, fields ...string) []byte {
	side := w.sides[d]
	side.block.Reset()
	for _, f := range fields {
		name, value, _ := strings.Cut(f[1:], ":")
		side.fields.WriteField(hpack.HeaderField{Name: f[:1] + name, Value: strings.TrimSpace(value)})
	}
	return append([]byte(nil), side.block.Bytes()...)
}

func (w *talker2) headers(d flow.Dir, id uint32, end bool, fields ...string) {
	block := w.encode(d, fields...)
	w.frame(d, func(f *xhttp2.Framer) error {
		return f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: end, EndHeaders: true})
	})
}

func (w *talker2) get(id uint32, path string) {
	w.headers(flow.ToServer, id, true, ":method: GET", ":scheme: http", ":authority: h", ":path: "+path)
}

func (w *talker2) data(d flow.Dir, id uint32, end bool, body string) {
	w.frame(d, func(f *xhttp2.Framer) error { return f.WriteData(id, end, []byte(body)) })
}

func (w *talker2) rst(d flow.Dir, id uint32, code xhttp2.ErrCode) {
	w.frame(d, func(f *xhttp2.Framer) error { return f.WriteRSTStream(id, code) })
}

func (w *talker2) goAway(last uint32, code xhttp2.ErrCode, debug string) {
	w.frame(flow.ToClient, func(f *xhttp2.Framer) error { return f.WriteGoAway(last, code, []byte(debug)) })
}

func (w *talker2) end(how flow.Ending) {
	w.n++
	w.s.End(flow.ToClient, how, at(w.n))
	w.s.End(flow.ToServer, how, at(w.n))
}

const (
	toServer = flow.ToServer
	toClient = flow.ToClient
)

func TestHTTP2Talks(t *testing.T) {
	for _, tc := range []struct {
		name string
		talk func(w *talker2)
		want string
	}{
		{"two streams, crossed", func(w *talker2) {
			w.get(1, "/a")
			w.headers(toServer, 3, false, ":method: POST", ":scheme: http", ":path: /b", ":authority: h")
			w.headers(toClient, 1, false, ":status: 200", "content-length: 6")
			w.data(toServer, 3, true, "body")
			w.data(toClient, 1, false, "abc")
			w.headers(toClient, 3, true, ":status: 204")
			w.data(toClient, 1, true, "def")
		}, `#1 GET http://h/a HTTP/2.0 => 200 +6 complete
			#3 POST http://h/b HTTP/2.0 +4 => 204 complete`},
		{"padding, priority, continuation", func(w *talker2) {
			block := w.encode(toServer, ":method: GET", ":scheme: http", ":authority: h", ":path: /p", "user-agent: x")
			w.frame(toServer, func(f *xhttp2.Framer) error {
				f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:3], EndStream: true, PadLength: 9,
					Priority: xhttp2.PriorityParam{StreamDep: 11, Weight: 5}})
				f.WriteContinuation(1, false, block[3:5])
				f.WriteContinuation(1, false, nil)
				return f.WriteContinuation(1, true, block[5:])
			})
			w.headers(toClient, 1, false, ":status: 200")
			w.frame(toClient, func(f *xhttp2.Framer) error { return f.WriteDataPadded(1, false, []byte("abc"), make([]byte, 200)) })
			w.frame(toClient, func(f *xhttp2.Framer) error { return f.WriteDataPadded(1, true, nil, make([]byte, 1)) })
		}, `#1 GET http://h/p HTTP/2.0 => 200 +3 complete`},
		{"interim answers and trailers", func(w *talker2) {
			w.get(1, "/")
			w.headers(toClient, 1, false, ":status: 103", "link: </a>")
			w.headers(toClient, 1, false, ":status: 200")
			w.data(toClient, 1, false, "x")
			w.headers(toClient, 1, true, "grpc-status: 0")
			w.get(3, "/")
			w.headers(toClient, 3, true, ":status: 200")
		}, `#1 GET http://h/ HTTP/2.0 => [103] 200 +1 complete
			#3 GET http://h/ HTTP/2.0 => 200 complete`},
		{"push", func(w *talker2) {
			w.get(1, "/")
			block := w.encode(toClient, ":method: GET", ":scheme: http", ":authority: h", ":path: /style.css")
			w.frame(toClient, func(f *xhttp2.Framer) error {
				return f.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block, EndHeaders: true, PadLength: 4})
			})
			w.headers(toClient, 1, true, ":status: 200")
			w.headers(toClient, 2, false, ":status: 200")
			w.data(toClient, 2, true, "css")
		}, `#1 GET http://h/ HTTP/2.0 => 200 complete
			#2 pushed GET http://h/style.css HTTP/2.0 => 200 +3 complete`},
		{"streams reset", func(w *talker2) {
			w.get(1, "/1")
			w.rst(toClient, 1, xhttp2.ErrCodeRefusedStream)
			w.get(3, "/3")
			w.headers(toClient, 3, false, ":status: 404")
			w.rst(toServer, 3, xhttp2.ErrCodeCancel)
			w.get(5, "/5")
			w.headers(toClient, 5, true, ":status: 200")
			w.rst(toClient, 5, xhttp2.ErrCodeNo)
			w.get(7, "/7")
			w.rst(toClient, 7, 0x77)
		}, `#1 GET http://h/1 HTTP/2.0 => error "stream reset by remote: REFUSED_STREAM"
			#3 GET http://h/3 HTTP/2.0 => 404 error "stream reset by local: CANCEL"
			#5 GET http://h/5 HTTP/2.0 => 200 complete
			#7 GET http://h/7 HTTP/2.0 => error "stream reset by remote: 0x77"`},
		{"answer before the request's end", func(w *talker2) {
			w.headers(toServer, 1, false, ":method: PUT", ":path: /", ":scheme: http", ":authority: h")
			w.headers(toClient, 1, true, ":status: 413")
			w.data(toServer, 1, true, "late")
		}, `#1 PUT http://h/ HTTP/2.0 +4 => 413 complete`},
		{"going away", func(w *talker2) {
			w.get(1, "/1")
			w.get(3, "/3")
			w.goAway(1, xhttp2.ErrCodeNo, "")
			w.headers(toClient, 1, true, ":status: 200")
		}, `#1 GET http://h/1 HTTP/2.0 => 200 complete
			#3 GET http://h/3 HTTP/2.0 => error "refused by GOAWAY by remote: NO_ERROR"`},
		{"going away in anger", func(w *talker2) {
			w.get(1, "/1")
			w.goAway(1, xhttp2.ErrCodeEnhanceYourCalm, "too many")
			w.end(flow.Finished)
		}, `#1 GET http://h/1 HTTP/2.0 => error "refused by GOAWAY by remote: ENHANCE_YOUR_CALM"`},
		{"endings", func(w *talker2) {
			w.get(1, "/1")
			w.get(3, "/3")
			w.headers(toClient, 3, false, ":status: 200", "content-length: 9")
			w.data(toClient, 3, false, "abc")
			w.end(flow.Reset)
		}, `#1 GET http://h/1 HTTP/2.0 => error "connection reset"
			#3 GET http://h/3 HTTP/2.0 => 200 +3 error "answer cut: got 3 of 9 bytes, connection reset"`},
		{"no answer", func(w *talker2) {
			w.get(1, "/1")
			w.end(flow.Open)
		}, `#1 GET http://h/1 HTTP/2.0 => error "no answer"`},
		{"HTTP/1 for an answer", func(w *talker2) {
			w.get(1, "/1")
		}, `#1 GET http://h/1 HTTP/2.0 =>`},
		{"CONNECT stream", func(w *talker2) {
			w.headers(toServer, 1, false, ":method: CONNECT", ":authority: mod.test:80")
			w.headers(toClient, 1, false, ":status: 200")
			w.data(toServer, 1, false, "GET /in HTTP/1.1\r\nHost: mod.test\r\n\r\n")
			w.data(toClient, 1, true, "HTTP/1.1 200 OK\r\n\r\nall")
		}, `#1 CONNECT mod.test:80 HTTP/2.0 => 200 complete
			GET http://mod.test/in HTTP/1.1 => 200 OK +3 complete`},
		{"host field without authority", func(w *talker2) {
			w.headers(toServer, 1, true, ":method: GET", ":scheme: https", ":path: /x", "host: other")
		}, `#1 GET http://other/x HTTP/2.0 =>`},
		{"a larger table", func(w *talker2) {
			w.frame(toClient, func(f *xhttp2.Framer) error {
				return f.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingHeaderTableSize, Val: 60000})
			})
			w.sides[toServer].fields.SetMaxDynamicTableSizeLimit(60000)
			w.sides[toServer].fields.SetMaxDynamicTableSize(60000)
			for i := range 3 {
				w.headers(toServer, uint32(2*i+1), true, ":method: GET", ":scheme: http", ":authority: h", ":path: /x", "x-long: "+strings.Repeat("long", 5000))
			}
		}, strings.Repeat(`#N GET http://h/x HTTP/2.0 =>`+"\n", 3)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, out := newTalk(80)
			tc.talk(newTalker2(t, NewDetect(c)).begin())
			want := lines(tc.want)
			for i := range 3 {
				want = strings.Replace(want, "#N", "#"+strconv.Itoa(2*i+1), 1)
			}
			same(t, "requests", tellAll(out.requests), want)
			same(t, "notes", c.Facts.Notes, []string(nil))
		})
	}
}

func TestHTTP2Fields(t *testing.T) {
	c, out := newTalk(443)
	w := newTalker2(t, NewDetect(c.Inside("h2"))).begin()
	w.headers(toServer, 1, true, ":authority: h", ":method: GET", ":path: /", ":scheme: https", "user-agent: a", "x: 1", "x: 2")
	w.headers(toClient, 1, false, ":status: 200", "content-type: text/plain", "set-cookie: a", "set-cookie: b")
	w.data(toClient, 1, true, "text")
	r := out.requests[0]
	same(t, "URL", r.URL, "https://h/")
	same(t, "request", r.Headers, []trace.Header{
		{Name: ":authority", Value: "h"}, {Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}, {Name: ":scheme", Value: "https"},
		{Name: "user-agent", Value: "a"}, {Name: "x", Value: "1"}, {Name: "x", Value: "2"},
	})
	same(t, "answer", r.ResponseHeaders[1:], []trace.Header{
		{Name: "content-type", Value: "text/plain"}, {Name: "set-cookie", Value: "a"}, {Name: "set-cookie", Value: "b"},
	})
	same(t, "body", string(r.Body), "text")
	same(t, "sha256", r.ResponseSHA256, "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1")
	same(t, "frames", r.Frames, []int{5, 6, 7})
	same(t, "timings", r.Timings, trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: 0, Wait: 1, Receive: 1})
}

func TestGoAwayFact(t *testing.T) {
	c, _ := newTalk(80)
	w := newTalker2(t, NewDetect(c)).begin()
	w.goAway(0, xhttp2.ErrCodeNo, "bye")
	same(t, "goaway", c.Facts.GoAway, &trace.GoAway{SentBy: "remote", Code: "NO_ERROR", Debug: "bye", Frame: 5})
}

func TestUpgradeH2C(t *testing.T) {
	c, out := newTalk(80)
	s := NewDetect(c)
	w := newTalker2(t, s)
	w.send(toServer, []byte("GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"))
	w.send(toClient, []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))
	w.begin()
	w.headers(toClient, 1, false, ":status: 200")
	w.data(toClient, 1, true, "abc")
	w.get(3, "/3")
	w.headers(toClient, 3, true, ":status: 200")
	same(t, "requests", tellAll(out.requests), lines(`
		#1 GET http://h/up HTTP/1.1 => 101 Switching Protocols then 200 +3 complete
		#3 GET http://h/3 HTTP/2.0 => 200 complete`))
	same(t, "layers", c.Facts.Layers, []string{"http1", "http2"})
}

func TestRealHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-T")
		io.WriteString(w, strings.Repeat("x", 100_000))
		w.Header().Set("X-T", "1")
	}))
	cleartext := new(http.Protocols)
	cleartext.SetUnencryptedHTTP2(true)
	server.Config.Protocols = cleartext
	server.Start()
	defer server.Close()
	c, out := newTalk(80)
	p := &tap{s: NewDetect(c)}
	tr := p.transport()
	tr.Protocols = cleartext
	var want strings.Builder
	for i := range 20 {
		resp, err := tr.RoundTrip(httptest.NewRequest("PUT", server.URL+"/"+strconv.Itoa(i), strings.NewReader("body")))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		want.WriteString("#" + strconv.Itoa(2*i+1) + " PUT " + server.URL + "/" + strconv.Itoa(i) + " HTTP/2.0 +4 => 200 +100000 complete\n")
	}
	p.end()
	same(t, "requests", tellAll(out.requests), want.String())
	same(t, "trailers", out.requests[19].Trailers, []trace.Header{{Name: "x-t", Value: "1"}})
	same(t, "notes", c.Facts.Notes, []string(nil))
}
