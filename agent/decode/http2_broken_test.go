package decode

import (
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

func TestHTTP2Loses(t *testing.T) {
	for _, tc := range []struct {
		name string
		talk func(w *talker2)
		want string
		note string
	}{
		{"gap inside DATA", func(w *talker2) {
			w.get(1, "/1")
			w.headers(toClient, 1, false, ":status: 200")
			w.sides[toClient].framer.WriteData(1, true, []byte("0123456789"))
			b := w.sides[toClient].out.Bytes()
			w.send(toClient, b[:12])
			w.s.Gap(toClient, 4, at(50))
			w.send(toClient, b[16:])
			w.sides[toClient].out.Reset()
			w.get(3, "/3")
			w.headers(toClient, 3, true, ":status: 200")
		}, `#1 GET http://h/1 HTTP/2.0 => 200 +10 complete
			#3 GET http://h/3 HTTP/2.0 => 200 complete`, ""},
		{"gap inside padding and over the end", func(w *talker2) {
			w.get(1, "/1")
			w.headers(toClient, 1, false, ":status: 200")
			w.sides[toClient].framer.WriteDataPadded(1, true, []byte("0123456789"), make([]byte, 20))
			b := w.sides[toClient].out.Bytes()
			w.send(toClient, b[:14])
			w.s.Gap(toClient, uint64(len(b)-14), at(50))
			w.sides[toClient].out.Reset()
			w.get(3, "/3")
			w.headers(toClient, 3, true, ":status: 200")
		}, `#1 GET http://h/1 HTTP/2.0 => 200 +10 complete
			#3 GET http://h/3 HTTP/2.0 => 200 complete`, ""},
		{"gap between frames", func(w *talker2) {
			w.get(1, "/1")
			w.s.Gap(toClient, 20, at(50))
			w.headers(toClient, 1, true, ":status: 200")
			w.get(3, "/3")
		}, `#1 GET http://h/1 HTTP/2.0 => error "answer not observed"
			#3 GET http://h/3 HTTP/2.0 => error "answer not observed"`,
			"HTTP/2: bytes before frame 50, sent by remote, are missing; the rest of that direction cannot be read"},
		{"client's direction lost", func(w *talker2) {
			w.get(1, "/1")
			w.s.Gap(toServer, 20, at(50))
			w.get(3, "/3")
			w.headers(toClient, 1, true, ":status: 200")
		}, `#1 GET http://h/1 HTTP/2.0 => 200 complete`,
			"HTTP/2: bytes before frame 50, sent by local, are missing; the rest of that direction cannot be read"},
		{"compression broken", func(w *talker2) {
			w.get(1, "/1")
			w.frame(toClient, func(f *xhttp2.Framer) error {
				return f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 1}, EndHeaders: true})
			})
		}, `#1 GET http://h/1 HTTP/2.0 => error "malformed answer: header compression: decoding error: invalid indexed representation index 32894"`,
			"HTTP/2: frame 6, sent by remote: header compression: decoding error: invalid indexed representation index 32894; the rest of that direction was not read"},
		{"continuation of nothing", func(w *talker2) {
			w.get(1, "/1")
			w.frame(toClient, func(f *xhttp2.Framer) error { return f.WriteContinuation(1, true, nil) })
		}, `#1 GET http://h/1 HTTP/2.0 => error "malformed answer: no frame begins with \"\\x00\\x00\\x00\\t\\x04\\x00\\x00\\x00\\x01\""`,
			`HTTP/2: frame 6, sent by remote: no frame begins with "\x00\x00\x00\t\x04\x00\x00\x00\x01"; the rest of that direction was not read`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, out := newTalk(80)
			tc.talk(newTalker2(t, NewDetect(c)).begin())
			same(t, "requests", tellAll(out.requests), lines(tc.want))
			var notes []string
			if tc.note != "" {
				notes = []string{tc.note}
			}
			same(t, "notes", c.Facts.Notes, notes)
		})
	}
}

// A middlebox that agrees to h2 and then speaks HTTP/1.
func TestALPNLie(t *testing.T) {
	c, out := newTalk(443)
	w := newTalker2(t, NewDetect(c.Inside("h2")))
	w.sides[toServer].out.WriteString(preface2)
	w.frame(toServer, func(f *xhttp2.Framer) error { return f.WriteSettings() })
	w.get(1, "/")
	w.send(toClient, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	same(t, "requests", tellAll(out.requests),
		"#1 GET https://h/ HTTP/2.0 => error \"malformed answer: no frame begins with \\\"HTTP/1.1 400 Bad Request\\\\r\\\\n\\\\r\\\\n\\\"\"\n")
}

// A proxy that agrees to h2 with a client that then writes HTTP/1, as go does.
func TestServerFirst(t *testing.T) {
	c, out := newTalk(443)
	s := NewDetect(c.Inside("h2"))
	w := newTalker2(t, s)
	w.frame(toClient, func(f *xhttp2.Framer) error { return f.WriteSettings() })
	w.send(toServer, []byte("CONNECT mod.test:443 HTTP/1.1\r\n\r\n"))
	same(t, "layers", c.Facts.Layers, []string{"http1"})
	same(t, "method", out.requests[0].Method, "CONNECT")

	c, out = newTalk(443)
	w = newTalker2(t, NewDetect(c.Inside("h2")))
	w.frame(toClient, func(f *xhttp2.Framer) error { return f.WriteSettings() })
	w.begin()
	w.get(1, "/")
	w.headers(toClient, 1, true, ":status: 200")
	same(t, "requests", tellAll(out.requests), "#1 GET https://h/ HTTP/2.0 => 200 complete\n")
}

func TestLimitsHTTP2(t *testing.T) {
	c, out := newTalk(80)
	w := newTalker2(t, NewDetect(c)).begin()
	fields := []string{":method: GET", ":path: /", ":authority: h", "x-bomb: " + strings.Repeat("x", 3000)}
	for range 2000 { // one byte each on the wire
		fields = append(fields, fields[3])
	}
	w.headers(toServer, 1, true, fields...)
	w.get(3, "/after")
	size := 0
	for _, f := range out.requests[0].Headers {
		size += len(f.Name) + len(f.Value) + 32
	}
	if size > maxFieldList || size < maxFieldList/2 {
		t.Errorf("kept %d bytes of fields", size)
	}
	same(t, "after the bomb", out.requests[1].URL, "http://h/after")
	same(t, "notes", len(c.Facts.Notes), 1)

	c, out = newTalk(80)
	s := NewDetect(c)
	newTalker2(t, s).begin()
	s.Data(toServer, []byte("\x00\x00\x03\x01\x00\x00\x00\x00\x01\x82\x84\x86"), at(1)) // HEADERS without END_HEADERS
	for i := range 5000 {                                                               // a literal field that is not indexed, for ever
		part := "\x00\x05x-one\x7f\xe9\x06" + strings.Repeat("x", 1000)
		s.Data(toServer, []byte("\x00\x03\xf2\x09\x00\x00\x00\x00\x01"+part), at(i))
	}
	same(t, "requests in a block without end", len(out.requests), 0)
	same(t, "notes", c.Facts.Notes, []string{"HTTP/2: a header block is longer than 1048576 bytes; its last fields are not shown"})

	c, out = newTalk(80)
	w = newTalker2(t, NewDetect(c)).begin()
	for i := range maxStreams + 5 {
		w.get(uint32(2*i+1), "/")
	}
	same(t, "requests", len(out.requests), maxStreams+5)
	same(t, "notes", len(c.Facts.Notes), 1)
}
