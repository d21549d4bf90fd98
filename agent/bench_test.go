package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
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
	"github.com/gopx-trace/gopx-trace/capture"
)

// superSegment is the payload of a full GSO super-packet on loopback.
const superSegment = 65483

// wire records what an HTTP client says and hears over TLS as the packets of
// one connection.
type wire struct {
	net.Conn
	mu      sync.Mutex
	secrets []capture.Event
	packets []capture.Event
	sent    [2]uint32
	// down are the bytes of the server that are not in a packet yet.
	down []byte
}

// Read implements [net.Conn] for the client.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	for heard := b[:n]; len(heard) > 0; {
		k := min(len(heard), superSegment-len(w.down))
		w.down, heard = append(w.down, heard[:k]...), heard[k:]
		if len(w.down) == superSegment {
			w.flush()
		}
	}
	return n, err
}

// Write implements [net.Conn] for the client.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	if len(w.down) < 4<<10 { // the end of an answer, not the middle of a download
		w.flush()
	}
	w.segment(flow.ToServer, 0x18, b)
	w.mu.Unlock()
	return w.Conn.Write(b)
}

// flush makes a packet of what the server has said.
func (w *wire) flush() {
	if len(w.down) > 0 {
		w.segment(flow.ToClient, 0x18, w.down)
		w.down = w.down[:0]
	}
}

// segment adds a TCP segment in an IPv4 packet.
func (w *wire) segment(d flow.Dir, flags byte, payload []byte) {
	const headers = 40
	b := make([]byte, headers, headers+len(payload))
	b[0], b[8], b[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(b[2:], uint16(headers+len(payload)))
	ends := [2][6]byte{{192, 0, 2, 1, 0x9c, 0x40}, {192, 0, 2, 2, 0x01, 0xbb}}
	copy(b[12:], ends[d][:4])
	copy(b[16:], ends[d.Opposite()][:4])
	copy(b[20:], ends[d][4:])
	copy(b[22:], ends[d.Opposite()][4:])
	binary.BigEndian.PutUint32(b[24:], w.sent[d])
	binary.BigEndian.PutUint32(b[28:], w.sent[d.Opposite()])
	b[32], b[33] = 5<<4, flags
	binary.BigEndian.PutUint16(b[34:], 0xffff)
	w.sent[d] += uint32(len(payload))
	if flags&0x03 != 0 {
		w.sent[d]++
	}
	n := len(w.packets)
	b = append(b, payload...)
	w.packets = append(w.packets, &capture.Packet{
		Time: at(0).Add(time.Duration(n) * time.Microsecond), Frame: n + 1, Link: capture.LinkRaw, Data: b, Length: len(b),
	})
}

// keys takes the lines of a key log.
type keys struct{ w *wire }

// Write implements [io.Writer].
func (k keys) Write(line []byte) (int, error) {
	f := strings.Fields(string(line))
	random, _ := hex.DecodeString(f[1])
	secret, _ := hex.DecodeString(f[2])
	k.w.secrets = append(k.w.secrets, &capture.Secret{Time: at(0), Label: f[0], ClientRandom: random, Secret: secret})
	return len(line), nil
}

// recorded is a conversation of a client with a server over one connection,
// its secrets first.
func recorded(t testing.TB, config *tls.Config, answer http.HandlerFunc, ask func(get func(path string) int64)) []capture.Event {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	w := &wire{}
	w.segment(flow.ToServer, 0x02, nil)
	w.segment(flow.ToClient, 0x12, nil)
	w.segment(flow.ToServer, 0x10, nil)
	config.InsecureSkipVerify, config.KeyLogWriter = true, keys{w} // a certificate made for this test
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: len(config.NextProtos) == 0,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			var err error
			w.Conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return w, err
		},
	}}
	ask(func(path string) int64 {
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return n
	})
	client.CloseIdleConnections()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	w.segment(flow.ToServer, 0x11, nil)
	w.segment(flow.ToClient, 0x11, nil)
	return append(w.secrets, w.packets...)
}

// zip answers with n bytes.
func zip(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Length", fmt.Sprint(n))
		for part := make([]byte, 1<<20); n > 0; {
			k, err := w.Write(part[:min(n, len(part))])
			if err != nil {
				return
			}
			n -= k
		}
	}
}

// A long download costs no memory for each packet.
func TestLongDownload(t *testing.T) {
	const size = 20 << 20
	events := recorded(t, &tls.Config{}, zip(size), func(get func(string) int64) { get("/example.test/m/@v/v1.0.0.zip") })
	var tr *trace.Trace
	allocations := testing.AllocsPerRun(1, func() { tr = mustRun(t, events...) })
	if len(tr.Requests) != 1 || tr.Requests[0].ResponseBytes != size || !tr.Requests[0].ResponseComplete {
		t.Errorf("%+v", tr.Requests)
	}
	if most := float64(len(events)) / 2; allocations > most {
		t.Errorf("%v allocations for %d packets", allocations, len(events))
	}
}

// traced makes events those of a traced command.
func traced(events []capture.Event) []capture.Event {
	return append([]capture.Event{&capture.Command{Time: at(0), Argv: []string{"go"}, PID: 1}}, events...)
}

// BenchmarkBulk understands a download of 200 MB in super-packets, of a traced
// command and of a capture file, where all of it is decrypted and hashed.
func BenchmarkBulk(b *testing.B) {
	const size = 200 << 20
	for _, test := range []struct {
		name   string
		config *tls.Config
	}{
		{"TLS 1.3 HTTP2", &tls.Config{}},
		{"TLS 1.2 HTTP2", &tls.Config{MaxVersion: tls.VersionTLS12}},
		{"TLS 1.3 HTTP1", &tls.Config{NextProtos: []string{"http/1.1"}}},
	} {
		b.Run(test.name, func(b *testing.B) {
			events := recorded(b, test.config, zip(size), func(get func(string) int64) {
				get("/example.test/m/@v/v1.0.0.zip")
			})
			b.Run("traced", func(b *testing.B) { bulk(b, traced(events), size) })
			b.Run("file", func(b *testing.B) { bulk(b, events, size) })
		})
	}
}

func bulk(b *testing.B, events []capture.Event, size uint64) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		tr, err := Run(&script{events, io.EOF})
		if err != nil || len(tr.Requests) != 1 || tr.Requests[0].ResponseBytes != size {
			b.Fatal(err, tr.Requests)
		}
	}
	b.ReportMetric(float64(len(events)), "packets")
}

// BenchmarkSmall understands 20,000 small requests on one connection.
func BenchmarkSmall(b *testing.B) {
	const requests = 20_000
	answer := bytes.Repeat([]byte("x"), 120)
	events := recorded(b, &tls.Config{}, func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) }, func(get func(string) int64) {
		for i := range requests {
			get(fmt.Sprintf("/example.test/m%05d/@v/v1.0.0.mod", i))
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		tr, err := Run(&script{events, io.EOF})
		if err != nil || len(tr.Requests) != requests {
			b.Fatal(err, len(tr.Requests))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/requests, "µs/request")
}
