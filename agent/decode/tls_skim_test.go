package decode

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// reader is a stream that cannot count: a TLS layer has to open every record.
type reader struct{ flow.Stream }

// everyRecord makes a stream read everything.
func everyRecord(s flow.Stream) flow.Stream { return reader{s} }

// tally counts what a stream was spared.
type tally struct {
	counter
	n uint64
}

func (s *tally) count(d flow.Dir, n uint64, m flow.Mark) {
	s.n += n
	s.counter.count(d, n, m)
}

// learned is all that was understood of a connection.
type learned struct {
	Facts    *trace.Connection
	Requests []*trace.Request
}

// learn plays a tape to a TLS layer whose inner stream is wrapped.
func (t *tlsTape) learn(how playing, wrap func(flow.Stream) flow.Stream) learned {
	c, out := newTalk(443)
	how.store = c.Secrets
	if how.secrets == "before" {
		t.addSecrets(how.store)
	}
	layer := newTLSLayer(c, func(in *Conn) flow.Stream { return wrap(NewDetect(in)) })
	last := t.feed(layer, how)
	layer.End(flow.ToServer, flow.Finished, last)
	layer.End(flow.ToClient, flow.Finished, last)
	return learned{c.Facts, out.requests}
}

// sameEitherWay checks that skimming changes nothing that is learned of a
// tape, however it is cut, and returns how many bytes were not decrypted of
// the whole tape.
func sameEitherWay(t *testing.T, tape *tlsTape, rounds int) (spared uint64) {
	t.Helper()
	random := mathrand.New(mathrand.NewPCG(3, 4))
	for i := range rounds {
		how := playing{secrets: []string{"before", "live"}[i%2], chunk: []int{0, 1448, 65483, 9000, 200_000}[i%5], seed: uint64(i)}
		cut := tape
		for range i / 3 {
			d := flow.Dir(random.IntN(2))
			cut = cut.without(d, random.IntN(1+tape.length(d)), 1+random.IntN(1<<random.IntN(17)))
		}
		want := cut.learn(how, everyRecord)
		var tallies []*tally
		got := cut.learn(how, func(s flow.Stream) flow.Stream {
			tallies = append(tallies, &tally{counter: s.(counter)})
			return tallies[len(tallies)-1]
		})
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("round %d, %+v: skimming makes a difference:\n%s", i, how, cmp.Diff(want, got))
		}
		if i == 0 {
			spared = tallies[0].n
			if len(want.Requests) == 0 {
				t.Fatal("no requests")
			}
		}
	}
	return spared
}

// TestSkimRealHTTP: conversations of net/http with long and short, announced
// and unannounced, textual and other bodies in both directions.
func TestSkimRealHTTP(t *testing.T) {
	tests := []struct {
		suite     uint16
		protocols []string
		// whole: records of the suite cannot be read in parts.
		whole bool
	}{
		{suite: tls.TLS_AES_128_GCM_SHA256, protocols: []string{"h2", "http/1.1"}},
		{suite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, protocols: []string{"h2", "http/1.1"}},
		{suite: tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, protocols: []string{"h2"}},
		{suite: tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, protocols: []string{"h2", "http/1.1"}},
		{suite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, protocols: []string{"http/1.1"}, whole: true},
	}
	for _, test := range tests {
		for _, protocol := range test.protocols {
			t.Run(tls.CipherSuiteName(test.suite)+" "+protocol, func(t *testing.T) {
				client, server := configs(t)
				server.NextProtos, client.NextProtos = []string{protocol}, []string{protocol}
				if test.suite != tls.TLS_AES_128_GCM_SHA256 {
					client.MaxVersion, client.CipherSuites = tls.VersionTLS12, []uint16{test.suite}
				}
				tape := browse(t, client, server)
				if n := len(tape.learn(playing{secrets: "before"}, everyRecord).Requests); n != len(bodyLengths())+1 {
					t.Errorf("%d requests", n)
				}
				spared := sameEitherWay(t, tape, 15)
				if whole := uint64(tape.length(flow.ToClient)); (spared > whole/4) == test.whole {
					t.Errorf("%d of %d bytes were not decrypted", spared, whole)
				}
			})
		}
	}
}

// bodyLengths are what [pages] serves.
func bodyLengths() map[string]int {
	return map[string]int{"/small.zip": 300, "/bound.zip": MaxHashed, "/long.zip": MaxHashed + 100_000, "/long.mod": MaxHashed + 70_000, "/free": MaxHashed + 200_000}
}

// pages answers a path with as many bytes as [bodyLengths] says; it announces
// the length of the zips only.
func pages(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	n := bodyLengths()[r.URL.Path]
	if strings.HasSuffix(r.URL.Path, ".zip") {
		w.Header().Set("Content-Length", fmt.Sprint(n))
	}
	for part := bytes.Repeat([]byte("content "), 4096); n > 0; {
		k, err := w.Write(part[:min(n, len(part), 1+n/3)])
		if err != nil {
			return
		}
		n -= k
	}
}

// browse records a client of net/http over one connection.
func browse(t *testing.T, client, server *tls.Config) *tlsTape {
	t.Helper()
	site := httptest.NewUnstartedServer(http.HandlerFunc(pages))
	site.EnableHTTP2 = server.NextProtos[0] == "h2"
	site.TLS = server
	site.StartTLS()
	defer site.Close()
	tape := &tlsTape{}
	client.KeyLogWriter = tape
	tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true, MaxConnsPerHost: 1, Dial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		return &tapedConn{conn, tape}, err
	}}
	defer tr.CloseIdleConnections()
	var wait sync.WaitGroup
	for path := range bodyLengths() {
		wait.Go(func() { fetch(t, tr, http.MethodGet, site.URL+path, nil) })
	}
	wait.Wait()
	fetch(t, tr, http.MethodPost, site.URL+"/small.zip", make([]byte, 150_000))
	return tape
}

func fetch(t *testing.T, tr http.RoundTripper, method, url string, body []byte) {
	resp, err := tr.RoundTrip(httptest.NewRequest(method, url, bytes.NewReader(body)))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}

// TestSkimTunnel: TLS inside TLS, through an HTTPS proxy; with the secrets of
// both and with those of the outer one only.
func TestSkimTunnel(t *testing.T) {
	client, server := configs(t)
	site := httptest.NewUnstartedServer(http.HandlerFunc(pages))
	site.EnableHTTP2, site.TLS = true, server.Clone()
	site.TLS.NextProtos = []string{"h2"}
	site.StartTLS()
	defer site.Close()
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(relay))
	proxy.TLS = server
	proxy.StartTLS()
	defer proxy.Close()
	tape := &tlsTape{}
	client.KeyLogWriter = tape
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true, Proxy: http.ProxyURL(address), Dial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		return &tapedConn{conn, tape}, err
	}}
	fetch(t, tr, http.MethodGet, site.URL+"/long.zip", nil)
	tr.CloseIdleConnections()
	sameEitherWay(t, tape, 15)
	var outer string
	for i, e := range tape.events {
		if e.secret != nil && outer == "" {
			outer = string(e.secret.ClientRandom)
		}
		if e.secret != nil && string(e.secret.ClientRandom) != outer {
			tape.events[i].secret.Label = "UNKNOWN"
		}
	}
	if spared := sameEitherWay(t, tape, 1); spared == 0 {
		t.Error("all of a stream that stays closed was decrypted")
	}
}

// relay is a proxy that carries one tunnel.
func relay(w http.ResponseWriter, r *http.Request) {
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		return
	}
	defer to.Close()
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer from.Close()
	io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { io.Copy(to, from); to.Close() }()
	io.Copy(from, to)
}

// sealer makes records of TLS 1.3 under a traffic secret of
// TLS_AES_128_GCM_SHA256, independently of package keylog.
type sealer struct {
	t      *testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

func (s *sealer) expand(label string, n int) []byte {
	info := append([]byte{0, byte(n), byte(len("tls13 ") + len(label))}, "tls13 "+label+"\x00"...)
	out, err := hkdf.Expand(sha256.New, s.secret, string(info), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *sealer) start(secret []byte) {
	s.secret, s.seq = secret, 0
	block, err := aes.NewCipher(s.expand("key", 16))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		s.t.Fatal(err)
	}
	s.iv = s.expand("iv", 12)
}

func (s *sealer) seal(typ byte, plain []byte, padding int) []byte {
	inner := append(append(bytes.Clone(plain), typ), make([]byte, padding)...)
	nonce := bytes.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.seq)
	s.seq++
	record := binary.BigEndian.AppendUint16([]byte{recordApplication, 3, 3}, uint16(len(inner)+s.aead.Overhead()))
	return s.aead.Seal(record, nonce, inner, record)
}

// update seals a KeyUpdate and goes on to the next keys.
func (s *sealer) update(padding int) []byte {
	b := s.seal(recordHandshake, []byte{typeKeyUpdate, 0, 0, 1, 0}, padding)
	s.start(s.expand("traffic upd", 32))
	return b
}

// asked is a conversation of TLS 1.3 up to the client's request, and what seals
// the records of the server from there on.
func asked(t *testing.T) (*tlsTape, *sealer) {
	t.Helper()
	client, server := configs(t)
	server.SessionTicketsDisabled = true
	tape, err := dialogue(t, client, server, []byte("GET /x.zip HTTP/1.1\r\nHost: h\r\n\r\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &sealer{t: t}
	handshake := true
	tape.events = slices.DeleteFunc(tape.events, func(e taped) bool {
		if e.secret != nil && e.secret.Label == keylog.ServerTraffic {
			s.start(e.secret.Secret)
		}
		// The client's first protected record ends the handshake.
		handshake = handshake && (e.secret != nil || e.dir == flow.ToClient || e.b[0] != recordApplication)
		return !handshake && e.secret == nil && e.dir == flow.ToClient
	})
	return tape, s
}

// TestSkimPadding: records of any length and padding with new keys, tickets
// and an alert among them.
func TestSkimPadding(t *testing.T) {
	tape, s := asked(t)
	random := mathrand.New(mathrand.NewPCG(5, 6))
	add := func(b []byte) { tape.events = append(tape.events, taped{dir: flow.ToClient, b: b}) }
	rest := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"), make([]byte, 3_000_000)...)
	for len(rest) > 0 {
		n := min(len(rest), 1<<14, 40<<random.IntN(12))
		padding := max(0, 1-random.IntN(3)) * random.IntN(1+1<<14-n)
		add(s.seal(recordApplication, rest[:n], padding))
		rest = rest[n:]
		switch random.IntN(20) {
		case 0:
			add(s.update(random.IntN(1 << 14)))
		case 1:
			add(s.seal(recordHandshake, append([]byte{typeNewSessionTicket, 0, 16, 0}, make([]byte, 4096)...), 0))
		case 2:
			add(s.seal(recordApplication, nil, random.IntN(1<<14)))
		}
	}
	add(s.seal(recordAlert, []byte{1, 90}, 5000))
	if spared := sameEitherWay(t, tape, 30); spared < 1_000_000 {
		t.Errorf("%d bytes were not decrypted", spared)
	}
	got := tape.learn(playing{secrets: "before", chunk: 5000}, everyRecord)
	if r := got.Requests[0]; r.ResponseBytes != 3_000_000 || !r.ResponseComplete {
		t.Errorf("%s", tell(r))
	}
	if f := got.Facts.TLS[0]; f.KeyUpdates == 0 || f.Alert == nil || f.OpenErrors > 0 {
		t.Errorf("%+v", f)
	}
}

// fickle counts for as long as it wants to.
type fickle struct {
	inner
	counts  bool
	counted uint64
}

func (s *fickle) ahead(flow.Dir) (n uint64, counted bool) { return unlimited, s.counts }

func (s *fickle) count(_ flow.Dir, n uint64, _ flow.Mark) { s.counted += n }

// TestSkimPassedOver: bytes that were not kept and are needed all the same are
// missing, and nothing behind them is.
func TestSkimPassedOver(t *testing.T) {
	const kept = 1000
	full := make([]byte, fullRecord)
	tests := []struct {
		name    string
		typ     byte
		first   int // of the bytes of the record, before it is to be read
		gap     uint64
		data    int
		counted uint64
	}{
		{name: "read from the middle on", typ: recordApplication, first: recordHeader + kept, gap: kept, data: fullRecord - kept},
		{name: "read before anything was passed over", typ: recordApplication, first: recordHeader - 1, data: fullRecord},
		{name: "no application data", typ: recordHandshake, first: fullRecord, gap: fullRecord},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tape, s := asked(t)
			c, _ := newTalk(443)
			tape.addSecrets(c.Secrets)
			in := &fickle{}
			layer := newTLSLayer(c, func(*Conn) flow.Stream { return in })
			m := tape.feed(layer, playing{})
			layer.Data(flow.ToClient, s.seal(recordApplication, []byte("first"), 0), m)
			in.Data_[flow.ToClient] = nil
			record := s.seal(test.typ, full, 0)
			in.counts = true
			layer.Data(flow.ToClient, record[:test.first], m)
			in.counts = false
			layer.Data(flow.ToClient, record[test.first:], m)
			if n := len(in.Data_[flow.ToClient]); n != test.data || in.counted != 0 {
				t.Errorf("%d bytes read and %d counted, want %d read", n, in.counted, test.data)
			}
			if gaps := in.Gaps[flow.ToClient]; (test.gap > 0) != (len(gaps) == 1) || len(gaps) == 1 && gaps[0] != test.gap {
				t.Errorf("gaps %v, want %d", gaps, test.gap)
			}
		})
	}
}

// TestSkimLiar: a wrong secret is noticed before anything is skimmed.
func TestSkimLiar(t *testing.T) {
	client, server := configs(t)
	tape, err := dialogue(t, client, server, []byte("GET /x.zip HTTP/1.1\r\nHost: h\r\n\r\n"),
		append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"), make([]byte, 3_000_000)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range tape.events {
		if e.secret != nil && e.secret.Label == keylog.ServerTraffic {
			e.secret.Secret[0] ^= 1
		}
	}
	if spared := sameEitherWay(t, tape, 1); spared > 0 {
		t.Errorf("%d bytes were counted without a key", spared)
	}
}
