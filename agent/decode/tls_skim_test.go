package decode

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/flow"
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
	tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true, MaxConnsPerHost: 1, DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
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
	tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true, Proxy: http.ProxyURL(address), DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
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
