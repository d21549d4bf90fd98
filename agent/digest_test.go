package agent

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// noisy answers a path with so many bytes of noise; it announces every second
// length.
func noisy(noise []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if n%2 == 0 {
			w.Header().Set("Content-Length", strconv.Itoa(n))
		}
		w.Write(noise[:n])
	}
}

// Every body in a capture file has its digest, whatever protects it. Those of
// a traced command have one up to a bound, and are counted beyond it.
func TestDigests(t *testing.T) {
	noise := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	sizes := []int{0, 1, 700, 16 << 10, decode.MaxHashed, decode.MaxHashed + 1, 3<<20 + 1, len(noise)}
	h1 := []string{"http/1.1"}
	for name, config := range map[string]*tls.Config{
		"HTTP2 TLS 1.3":        {},
		"HTTP1 TLS 1.3":        {NextProtos: h1},
		"HTTP2 TLS 1.2 ChaCha": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}},
		"HTTP1 TLS 1.2 GCM":    {MaxVersion: tls.VersionTLS12, NextProtos: h1},
		"HTTP1 TLS 1.2 CBC":    {MaxVersion: tls.VersionTLS12, NextProtos: h1, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}},
	} {
		t.Run(name, func(t *testing.T) {
			events := recorded(t, config, noisy(noise), func(get func(string) int64) {
				for _, n := range sizes {
					get("/" + strconv.Itoa(n))
				}
			})
			hashed(t, mustRun(t, events...), noise, len(sizes), len(noise))
			hashed(t, mustRun(t, traced(events)...), noise, len(sizes), decode.MaxHashed)
			sameOnAnyCores(t, func() *trace.Trace { return mustRun(t, events...) })
		})
	}
}

// hashed wants count answers, those of 1 to most bytes with their digests.
func hashed(t *testing.T, tr *trace.Trace, noise []byte, count, most int) {
	t.Helper()
	for _, r := range tr.Requests {
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(u.Path[1:])
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if sum := sha256.Sum256(noise[:n]); n > 0 && n <= most {
			want = hex.EncodeToString(sum[:])
		}
		if r.ResponseBytes != uint64(n) || !r.ResponseComplete || r.ResponseSHA256 != want {
			t.Errorf("%s: %d bytes, digest %q, want %q", r.URL, r.ResponseBytes, r.ResponseSHA256, want)
		}
	}
	if len(tr.Requests) != count {
		t.Errorf("%d requests, want %d", len(tr.Requests), count)
	}
}

// sameOnAnyCores wants the same trace whatever runs at the same time.
func sameOnAnyCores(t *testing.T, run func() *trace.Trace) {
	t.Helper()
	var first []byte
	for _, cores := range []int{1, 4} {
		before := runtime.GOMAXPROCS(cores)
		tr := run()
		runtime.GOMAXPROCS(before)
		got, err := json.Marshal(tr)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("with %d cores the trace is another one", cores)
		}
	}
}
