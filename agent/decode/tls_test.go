package decode

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	mathrand "math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// bodies are a request and an answer that spans many records.
func bodies() (request, answer []byte) {
	random := mathrand.New(mathrand.NewPCG(7, 7))
	request, answer = make([]byte, 3000), make([]byte, 150000)
	for i := range request {
		request[i] = byte(random.Uint32())
	}
	for i := range answer {
		answer[i] = byte(random.Uint32())
	}
	return request, answer
}

// replayed checks that the tape, however it is cut and whenever its secrets come,
// gives the same facts and the same stream inside, and returns them.
func replayed(t *testing.T, tape *tlsTape, request, answer []byte) played {
	t.Helper()
	want := tape.play(playing{secrets: "before"})
	if diff := difference(want, tape.play(playing{secrets: "live"})); diff != "" {
		t.Errorf("live differs from its recording:\n%s", diff)
	}
	for seed := range uint64(4) {
		chunk := []int{1, 7, 1448, 40000}[seed]
		before := tape.play(playing{secrets: "before", chunk: chunk, seed: seed})
		live := tape.play(playing{secrets: "live", chunk: chunk, seed: seed})
		after := tape.play(playing{secrets: "after", chunk: chunk, seed: seed})
		if diff := difference(before, after); chunk > 100 && diff != "" {
			t.Errorf("chunks up to %d: secrets after the end make a difference:\n%s", chunk, diff)
		}
		if diff := difference(before, live); diff != "" {
			t.Errorf("chunks up to %d: live differs from its recording:\n%s", chunk, diff)
		}
		checkInner(t, live, request, answer)
	}
	checkInner(t, want, request, answer)
	return want
}

func checkInner(t *testing.T, p played, request, answer []byte) {
	t.Helper()
	if len(p.Inner) != 1 {
		t.Fatalf("%d streams inside, want 1", len(p.Inner))
	}
	in := p.Inner[0]
	if !bytes.Equal(in.Data_[flow.ToServer], request) {
		t.Errorf("request of %d bytes read as %d bytes", len(request), len(in.Data_[flow.ToServer]))
	}
	if !bytes.Equal(in.Data_[flow.ToClient], answer) {
		t.Errorf("answer of %d bytes read as %d bytes", len(answer), len(in.Data_[flow.ToClient]))
	}
	if diff := cmp.Diff([2][]flow.Ending{{flow.Finished}, {flow.Finished}}, in.Ends); diff != "" {
		t.Errorf("ends: %s", diff)
	}
	if len(in.Gaps[0])+len(in.Gaps[1]) > 0 {
		t.Errorf("gaps %v in a complete stream", in.Gaps)
	}
}

func TestTLSConversation(t *testing.T) {
	request, answer := bodies()
	tests := []struct {
		name   string
		change func(client, server *tls.Config)
		want   trace.TLS
	}{
		{"1.3 AES-128-GCM", func(_, _ *tls.Config) {}, trace.TLS{Version: "TLS 1.3", CipherSuite: "TLS_AES_128_GCM_SHA256"}},
		{"1.3 hello retry", func(c, s *tls.Config) {
			c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
			s.CurvePreferences = []tls.CurveID{tls.CurveP384}
		}, trace.TLS{Version: "TLS 1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", HelloRetry: true}},
		suite12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		suite12(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
		suite12(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
		suite12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256),
		suite12(tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA),
		suite12(tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA),
		{"1.0 CBC", func(c, s *tls.Config) {
			c.MinVersion, c.MaxVersion, s.MinVersion = tls.VersionTLS10, tls.VersionTLS10, tls.VersionTLS10
		}, trace.TLS{Version: "TLS 1.0", CipherSuite: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"}},
		{"1.1 CBC", func(c, s *tls.Config) {
			c.MinVersion, c.MaxVersion, s.MinVersion = tls.VersionTLS11, tls.VersionTLS11, tls.VersionTLS10
		}, trace.TLS{Version: "TLS 1.1", CipherSuite: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, server := configs(t)
			test.change(client, server)
			tape, err := dialogue(t, client, server, request, answer)
			if err != nil {
				t.Fatal(err)
			}
			got := replayed(t, tape, request, answer).Facts
			want := test.want
			want.ServerName, want.ALPN, want.ALPNOffered = "mod.test", "http/1.1", []string{"h2", "http/1.1"}
			want.Established, want.Decrypted, want.CloseNotify = true, true, "remote"
			checkFacts(t, got, &want)
			checkCertificates(t, got.Certificates)
		})
	}
}

type conversation = struct {
	name   string
	change func(client, server *tls.Config)
	want   trace.TLS
}

func suite12(id uint16) conversation {
	return conversation{"1.2 " + tls.CipherSuiteName(id), func(c, s *tls.Config) {
		c.MaxVersion = tls.VersionTLS12
		c.CipherSuites, s.CipherSuites = []uint16{id}, []uint16{id}
	}, trace.TLS{Version: "TLS 1.2", CipherSuite: tls.CipherSuiteName(id)}}
}

// checkFacts compares what a handshake settles; what differs from run to run
// is checked to be there.
func checkFacts(t *testing.T, got, want *trace.TLS) {
	t.Helper()
	g := *got
	if g.JA3 == "" || g.JA4 == "" || g.ClientHelloBytes == 0 || len(g.ClientRandom) != 64 {
		t.Errorf("ClientHello not described: %+v", g)
	}
	if g.Duration == nil || *g.Duration <= 0 || g.StartedAt.IsZero() {
		t.Errorf("duration %v from %v", g.Duration, g.StartedAt)
	}
	if len(g.Frames) < 2 || g.Frames[0] >= g.Frames[1] {
		t.Errorf("frames of ClientHello and ServerHello: %v", g.Frames)
	}
	g.JA3, g.JA4, g.ClientHelloBytes, g.ClientRandom = "", "", 0, ""
	g.Duration, g.StartedAt, g.Frames = nil, want.StartedAt, nil
	g.Certificates, g.ClientCertificates = nil, nil
	if diff := cmp.Diff(want, &g); diff != "" {
		t.Errorf("facts: %s", diff)
	}
}

func checkCertificates(t *testing.T, list []*trace.Certificate) {
	t.Helper()
	if len(list) != 1 {
		t.Fatalf("%d certificates, want 1", len(list))
	}
	c := *list[0]
	if len(c.SHA256) != 64 {
		t.Errorf("sha256 %q", c.SHA256)
	}
	if c.NotBefore.Unix() != 1700000000 || c.NotAfter.Unix() != 4000000000 {
		t.Errorf("valid from %v to %v", c.NotBefore, c.NotAfter)
	}
	want := trace.Certificate{
		Subject: "CN=mod.test,O=Lab", Issuer: "CN=mod.test,O=Lab", Serial: "1234ab",
		DNSNames: []string{"mod.test", "*.mod.test"}, IPs: []string{"10.0.0.1"}, IsCA: true, SelfSigned: true,
	}
	c.SHA256, c.NotBefore, c.NotAfter = "", want.NotBefore, want.NotAfter
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("certificate: %s", diff)
	}
}

func TestTLSClientCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client, server := configs(t)
			client.MaxVersion = version
			client.Certificates = server.Certificates
			server.ClientAuth = tls.RequireAnyClientCert
			request, answer := bodies()
			tape, err := dialogue(t, client, server, request, answer)
			if err != nil {
				t.Fatal(err)
			}
			got := replayed(t, tape, request, answer).Facts
			if !got.CertificateRequested {
				t.Error("certificate request not seen")
			}
			checkCertificates(t, got.ClientCertificates)
		})
	}
}

// TestTLSResumption: crypto/tls logs no secret for a resumed session of TLS
// 1.2, so that of the first handshake has to be remembered.
func TestTLSResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, secrets := range []string{"before", "live"} {
			t.Run(fmt.Sprint(tls.VersionName(version), " ", secrets), func(t *testing.T) {
				client, server := configs(t)
				client.MaxVersion = version
				client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
				request, answer := bodies()
				store := keylog.NewStore()
				for i := range 3 {
					tape, err := dialogue(t, client, server, request, answer)
					if err != nil {
						t.Fatal(err)
					}
					p := tape.play(playing{secrets: secrets, store: store})
					checkInner(t, p, request, answer)
					if p.Facts.Resumed != (i > 0) {
						t.Errorf("handshake %d: resumed %v", i, p.Facts.Resumed)
					}
					if !p.Facts.Established || !p.Facts.Decrypted {
						t.Errorf("handshake %d: %+v", i, p.Facts)
					}
				}
			})
		}
	}
}

func TestTLSAlert(t *testing.T) {
	tests := []struct {
		name   string
		change func(client, server *tls.Config)
		want   trace.Alert
		// closed is what is seen without secrets.
		closed bool
	}{
		{"client does not trust, 1.3", func(c, _ *tls.Config) { c.RootCAs = x509.NewCertPool() },
			trace.Alert{SentBy: "local", Level: "fatal", Description: "bad_certificate"}, true},
		{"client does not trust, 1.2", func(c, _ *tls.Config) { c.RootCAs, c.MaxVersion = x509.NewCertPool(), tls.VersionTLS12 },
			trace.Alert{SentBy: "local", Level: "fatal", Description: "bad_certificate"}, false},
		{"server wants a client certificate, 1.3", func(_, s *tls.Config) { s.ClientAuth = tls.RequireAnyClientCert },
			trace.Alert{SentBy: "remote", Level: "fatal", Description: "certificate_required"}, true},
		{"no common version", func(c, s *tls.Config) { c.MinVersion, s.MaxVersion = tls.VersionTLS13, tls.VersionTLS12 },
			trace.Alert{SentBy: "remote", Level: "fatal", Description: "protocol_version"}, false},
		{"server knows no such name", func(_, s *tls.Config) { s.Certificates = nil },
			trace.Alert{SentBy: "remote", Level: "fatal", Description: "unrecognized_name"}, false},
		{"no common protocol", func(_, s *tls.Config) { s.NextProtos = []string{"spdy/1"} },
			trace.Alert{SentBy: "remote", Level: "fatal", Description: "no_application_protocol"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, server := configs(t)
			test.change(client, server)
			tape, err := dialogue(t, client, server, []byte("request"), nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, secrets := range []string{"before", "live", "never"} {
				got := tape.play(playing{secrets: secrets, chunk: 100}).Facts
				if secrets == "never" && test.closed {
					if got.Alert != nil {
						t.Errorf("alert %+v read without a secret", got.Alert)
					}
					continue
				}
				checkAlert(t, got, test.want)
			}
		})
	}
}

func checkAlert(t *testing.T, got *trace.TLS, want trace.Alert) {
	t.Helper()
	if got.Alert == nil {
		t.Fatal("no alert")
	}
	a := *got.Alert
	if a.Frame == 0 || a.Frame != got.Frames[len(got.Frames)-1] {
		t.Errorf("alert in frame %d, frames %v", a.Frame, got.Frames)
	}
	a.Frame = 0
	if a != want {
		t.Errorf("alert %+v, want %+v", a, want)
	}
}

func TestTLSWithoutSecrets(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client, server := configs(t)
			client.MaxVersion = version
			request, answer := bodies()
			tape, err := dialogue(t, client, server, request, answer)
			if err != nil {
				t.Fatal(err)
			}
			for _, chunk := range []int{0, 1, 1448} {
				p := tape.play(playing{secrets: "never", chunk: chunk})
				f := p.Facts
				if f.Decrypted || !f.Established || f.Duration == nil || f.ServerName != "mod.test" || len(p.Inner) > 0 {
					t.Errorf("facts %+v, %d inside", f, len(p.Inner))
				}
				if chain := len(f.Certificates) == 1; chain != (version == tls.VersionTLS12) {
					t.Errorf("%d certificates", len(f.Certificates))
				}
			}
		})
	}
}

// TestTLSRefused: a client that hangs up after the server's flight has not
// established anything, though the alert that says so stays closed.
func TestTLSRefused(t *testing.T) {
	client, server := configs(t)
	client.RootCAs = x509.NewCertPool()
	tape, _ := dialogue(t, client, server, []byte("request"), nil)
	for _, secrets := range []string{"before", "never"} {
		if f := tape.play(playing{secrets: secrets}).Facts; f.Established || f.Duration != nil {
			t.Errorf("%s: established %v in %v", secrets, f.Established, f.Duration)
		}
	}
}

func TestTLSWrongSecret(t *testing.T) {
	client, server := configs(t)
	request, answer := bodies()
	tape, err := dialogue(t, client, server, request, answer)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range tape.events {
		if e.secret != nil && e.secret.Label == keylog.ServerTraffic {
			e.secret.Secret[0] ^= 1
		}
	}
	p := tape.play(playing{secrets: "live"})
	if p.Facts.OpenErrors != maxFailures {
		t.Errorf("%d open errors, want %d", p.Facts.OpenErrors, maxFailures)
	}
	in := p.Inner[0]
	if !bytes.Equal(in.Data_[flow.ToServer], request) || len(in.Data_[flow.ToClient]) > 0 || len(in.Gaps[flow.ToClient]) == 0 {
		t.Errorf("%d and %d bytes, gaps %v", len(in.Data_[0]), len(in.Data_[1]), in.Gaps)
	}
}

// TestTLSTrafficSecretsOnly: a key log without handshake secrets opens what
// comes after the handshake.
func TestTLSTrafficSecretsOnly(t *testing.T) {
	client, server := configs(t)
	request, answer := bodies()
	tape, err := dialogue(t, client, server, request, answer)
	if err != nil {
		t.Fatal(err)
	}
	var kept []taped
	for _, e := range tape.events {
		if e.secret == nil || e.secret.Label != keylog.ServerHandshake && e.secret.Label != keylog.ClientHandshake {
			kept = append(kept, e)
		}
	}
	tape.events = kept
	for _, secrets := range []string{"before", "live"} {
		checkInner(t, tape.play(playing{secrets: secrets}), request, answer)
	}
}

// TestTLSHeldBound: what is held back is bounded, for a connection and for all.
func TestTLSHeldBound(t *testing.T) {
	client, server := configs(t)
	request := []byte("request")
	tape, err := dialogue(t, client, server, request, make([]byte, 3<<20))
	if err != nil {
		t.Fatal(err)
	}
	store := keylog.NewStore()
	layer := newTLSLayer(&Conn{Facts: &trace.Connection{}, Secrets: store}, func(*Conn) flow.Stream { return &inner{} })
	tape.feed(layer, playing{secrets: "never", chunk: 1448, store: store})
	if !layer.waiting.over || layer.waiting.pieces != nil {
		t.Errorf("after 3 MiB: over %v, %d pieces held", layer.waiting.over, len(layer.waiting.pieces))
	}
	if !store.Hold(keylog.MaxHeld) {
		t.Error("not all was given back")
	}
	tape.play(playing{secrets: "live", store: store})
	if store.Hold(1) {
		t.Error("gave back what was not granted")
	}
}

func TestTLSAnswerIsNotTLS(t *testing.T) {
	client, server := configs(t)
	tape, _ := dialogue(t, client, server, nil, nil)
	hello := tape.events[0].b
	for _, chunk := range []int{0, 1} {
		answer := []byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server, or the other way round.\n")
		p := (&tlsTape{events: []taped{{b: hello}, {dir: flow.ToClient, b: answer}}}).play(playing{chunk: chunk})
		if string(p.Facts.NotTLS) != string(answer[:maxNotTLS]) {
			t.Errorf("chunk %d: %q", chunk, p.Facts.NotTLS)
		}
	}
}

// difference is cmp.Diff, which takes long to find large values equal.
func difference(a, b played) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b)
}

// nowhere is a stream that nobody reads.
type nowhere struct{}

func (nowhere) Data(flow.Dir, []byte, flow.Mark) {}

func (nowhere) Gap(flow.Dir, uint64, flow.Mark) {}

func (nowhere) End(flow.Dir, flow.Ending, flow.Mark) {}

// BenchmarkTLS reads a download in segments of one packet and of one GSO
// super-packet, with and without its secrets.
func BenchmarkTLS(b *testing.B) {
	client, server := configs(b)
	tape, err := dialogue(b, client, server, []byte("request"), make([]byte, 8<<20))
	if err != nil {
		b.Fatal(err)
	}
	for _, segment := range []int{1448, 64 << 10} {
		for _, secrets := range []bool{true, false} {
			b.Run(fmt.Sprintf("segments of %d, secrets %v", segment, secrets), func(b *testing.B) {
				b.SetBytes(int64(tape.length(flow.ToClient)))
				b.ReportAllocs()
				for b.Loop() {
					readTape(tape, segment, secrets)
				}
			})
		}
	}
}

func readTape(tape *tlsTape, segment int, secrets bool) {
	store := keylog.NewStore()
	if secrets {
		tape.addSecrets(store)
	}
	layer := newTLSLayer(&Conn{Facts: &trace.Connection{}, Secrets: store}, func(*Conn) flow.Stream { return nowhere{} })
	for _, e := range tape.events {
		for b := e.b; len(b) > 0; {
			n := min(segment, len(b))
			layer.Data(e.dir, b[:n], flow.Mark{})
			b = b[n:]
		}
	}
	layer.End(flow.ToServer, flow.Open, flow.Mark{})
	layer.End(flow.ToClient, flow.Open, flow.Mark{})
}
