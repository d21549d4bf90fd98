package decode

import (
	"bytes"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// countTo gives s the pieces as a TLS layer that skims does.
func countTo(t *testing.T, pieces []piece, s flow.Stream) (counted uint64) {
	for i, p := range pieces {
		switch {
		case p.end:
			s.End(p.d, p.how, at(i))
		case p.gap > 0:
			s.Gap(p.d, p.gap, at(i))
		}
		for b := p.b; len(b) > 0; {
			next, only := ahead(s, p.d)
			n := min(next, uint64(len(b)))
			switch {
			case n == 0:
				t.Fatal("nothing is ahead")
			case only:
				count(s, p.d, n, at(i))
				counted += n
			default:
				s.Data(p.d, b[:n], at(i))
			}
			b = b[n:]
		}
	}
	return counted
}

// Bytes that are only counted need not be given.
func TestAnyCount(t *testing.T) {
	all := conversations(t)
	all["long http2"] = longHTTP2(t)
	k := &kept{}
	body := string(bytes.Repeat([]byte("long "), MaxHashed/4))
	play(t, k, `
		>> GET /a HTTP/1.1\r\nHost: h\r\n\r\nPUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nupload
		<< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n`+body[:1<<20]+`
		<< \r\n40000\r\n`+body[:1<<17]+`
		<< `+body[:1<<17]+`\r\n2;x\r\nab\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n
		<GAP 3
		<< `+body+`
		<< `+body[:1<<17])
	all["long http1"] = k.pieces
	for name, pieces := range all {
		t.Run(name, func(t *testing.T) {
			given, all := newTalk(80)
			countTo(t, pieces, reader{NewDetect(given)})
			spared, some := newTalk(80)
			counted := countTo(t, pieces, NewDetect(spared))
			same(t, "facts", spared.Facts, given.Facts)
			same(t, "requests", some.requests, all.requests)
			if long := strings.HasPrefix(name, "long"); len(all.requests) == 0 || long && counted < 200_000 {
				t.Errorf("%d requests, %d bytes counted", len(all.requests), counted)
			}
		})
	}
}

// longHTTP2 has bodies beyond what is hashed, some with padding, on streams
// that take turns, one of which the client gives up.
func longHTTP2(t *testing.T) []piece {
	k := &kept{}
	w := newTalker2(t, k).begin()
	part, padding := bytes.Repeat([]byte("x"), 16000), make([]byte, 200)
	for _, id := range []uint32{1, 3, 5} {
		w.get(id, "/x.zip")
		w.headers(flow.ToClient, id, false, ":status: 200", "content-length: 1600000")
	}
	for i := range 100 {
		w.data(flow.ToClient, 1, i == 99, string(part))
		w.frame(flow.ToClient, func(f *xhttp2.Framer) error { return f.WriteDataPadded(3, i == 99, part, padding) })
		w.data(flow.ToClient, 5, false, string(part))
		w.frame(flow.ToClient, func(f *xhttp2.Framer) error { return f.WritePing(false, [8]byte{}) })
		if i == 50 {
			w.rst(flow.ToServer, 5, xhttp2.ErrCodeCancel)
		}
	}
	w.end(flow.Finished)
	return k.pieces
}
