package decode

import (
	"crypto/tls"
	"encoding/binary"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// Steps of a script for FuzzTLS: one byte of these, a 16-bit length, and that
// many bytes.
const (
	stepToServer = iota
	stepToClient
	stepGap    // of the length, in the direction of the lowest bit
	stepSecret // number of the label, client random, secret
	steps
)

func fuzzLabels() []string {
	return []string{
		keylog.ClientRandomLabel, keylog.ClientEarlyTraffic, keylog.ClientHandshake, keylog.ServerHandshake,
		keylog.ClientTraffic, keylog.ServerTraffic,
	}
}

// script writes a tape as a script.
func (t *tlsTape) script() (b []byte) {
	step := func(kind byte, payload []byte) {
		for len(payload) > 0 {
			n := min(len(payload), 1<<15)
			b = binary.BigEndian.AppendUint16(append(b, kind), uint16(n))
			b = append(b, payload[:n]...)
			payload = payload[n:]
		}
	}
	for _, e := range t.events {
		if e.secret == nil {
			step(byte(e.dir), e.b)
			continue
		}
		for i, label := range fuzzLabels() {
			if label == e.secret.Label {
				step(stepSecret, append(append([]byte{byte(i)}, e.secret.ClientRandom...), e.secret.Secret...))
			}
		}
	}
	return b
}

// playScript plays any bytes as a script.
func playScript(layer flow.Stream, store *keylog.Store, b []byte) {
	mark := flow.Mark{Time: time.Unix(1, 0)}
	for len(b) >= 3 {
		kind, n := b[0]%steps, int(binary.BigEndian.Uint16(b[1:]))
		payload := b[3:min(3+n, len(b))]
		b = b[3+len(payload):]
		mark.Frame++
		switch kind {
		case stepToServer, stepToClient:
			layer.Data(flow.Dir(kind), payload, mark)
		case stepGap:
			layer.Gap(flow.Dir(n&1), uint64(n), mark)
		case stepSecret:
			if len(payload) > 33 {
				labels := fuzzLabels()
				store.Add(&capture.Secret{
					Label:        labels[int(payload[0])%len(labels)],
					ClientRandom: payload[1:33], Secret: payload[33:],
				})
			}
		}
	}
	layer.End(flow.ToClient, flow.Finished, mark)
	layer.End(flow.ToServer, flow.Reset, mark)
}

// strict is a stream inside that checks how it is used.
type strict struct {
	t     *testing.T
	ended [2]int
	// got are the bytes so far; said and counted are the last answer of ahead.
	got     [2]uint64
	said    [2]uint64
	counted [2]bool
}

func (s *strict) Data(d flow.Dir, b []byte, _ flow.Mark) {
	if s.ended[d] > 0 || len(b) == 0 {
		s.t.Errorf("%d bytes, %d ends before", len(b), s.ended[d])
	}
	s.got[d] += uint64(len(b))
}

func (s *strict) Gap(d flow.Dir, n uint64, _ flow.Mark) {
	if s.ended[d] > 0 || n == 0 {
		s.t.Errorf("gap of %d, %d ends before", n, s.ended[d])
	}
}

// ahead gives every answer that there is, by the bytes so far.
func (s *strict) ahead(d flow.Dir) (n uint64, counted bool) {
	s.said[d] = [...]uint64{1, 9, 700, 5000, unlimited}[s.got[d]%5]
	s.counted[d] = s.got[d]%3 > 0
	return s.said[d], s.counted[d]
}

func (s *strict) count(d flow.Dir, n uint64, _ flow.Mark) {
	if s.ended[d] > 0 || n == 0 || !s.counted[d] || n > s.said[d] {
		s.t.Errorf("%d bytes counted, %d ends before; said %d, %v", n, s.ended[d], s.said[d], s.counted[d])
	}
	s.got[d] += n
	s.counted[d] = false
}

func (s *strict) End(d flow.Dir, _ flow.Ending, _ flow.Mark) { s.ended[d]++ }

// FuzzTLS plays any bytes, gaps and secrets in any order.
func FuzzTLS(f *testing.F) {
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		client, server := configs(f)
		client.MinVersion, server.MinVersion, client.MaxVersion = tls.VersionTLS10, tls.VersionTLS10, version
		tape, err := dialogue(f, client, server, []byte("request"), []byte("answer"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(tape.script())
		f.Add(tape.without(flow.ToClient, 1300, 50).script())
		if tape, err = dialogue(f, client, server, []byte("request"), make([]byte, 5000)); err != nil {
			f.Fatal(err)
		}
		f.Add(tape.script())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		store := keylog.NewStore()
		conn := &Conn{Facts: &trace.Connection{}, Secrets: store}
		var inside []*strict
		layer := newTLSLayer(conn, func(*Conn) flow.Stream {
			inside = append(inside, &strict{t: t})
			return inside[len(inside)-1]
		})
		playScript(layer, store, b)
		if len(inside) > 1 {
			t.Errorf("%d streams inside", len(inside))
		}
		for _, s := range inside {
			if s.ended != [2]int{1, 1} {
				t.Errorf("ends %v", s.ended)
			}
		}
		if !store.Hold(keylog.MaxHeld) {
			t.Error("not all that was held was given back")
		}
		if n := len(conn.Facts.TLS); n != 1 || len(conn.Facts.TLS[0].NotTLS) > maxNotTLS {
			t.Errorf("%d layers: %+v", n, conn.Facts.TLS)
		}
	})
}
