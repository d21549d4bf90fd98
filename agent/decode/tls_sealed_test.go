package decode

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

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
	random := mathrand.New(mathrand.NewPCG(7, 8))
	t.Run("now and then", func(t *testing.T) {
		spared := skimPadded(t, func(room int) int { return max(0, 1-random.IntN(3)) * random.IntN(1+room) })
		if spared < 1_000_000 {
			t.Errorf("%d bytes were not decrypted", spared)
		}
	})
	t.Run("full records only", func(t *testing.T) { skimPadded(t, func(room int) int { return room }) })
}

// skimPadded checks an answer in records with as much padding as pad says, which
// is told how much there can be, and returns how many bytes of it were not
// decrypted.
func skimPadded(t *testing.T, pad func(room int) int) (spared uint64) {
	tape, s := asked(t)
	random := mathrand.New(mathrand.NewPCG(5, 6))
	add := func(b []byte) { tape.events = append(tape.events, taped{dir: flow.ToClient, b: b}) }
	rest := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"), make([]byte, 3_000_000)...)
	for len(rest) > 0 {
		n := min(len(rest), 1<<14, 40<<random.IntN(12))
		add(s.seal(recordApplication, rest[:n], pad(fullRecord-n)))
		rest = rest[n:]
		switch random.IntN(20) {
		case 0:
			add(s.update(pad(fullRecord - 5)))
		case 1:
			add(s.seal(recordHandshake, append([]byte{typeNewSessionTicket, 0, 16, 0}, make([]byte, 4096)...), pad(fullRecord-4100)))
		case 2:
			add(s.seal(recordApplication, nil, pad(fullRecord)))
		}
	}
	add(s.seal(recordAlert, []byte{1, 90}, pad(fullRecord-2)))
	spared = sameEitherWay(t, tape, 30)
	got := tape.learn(playing{secrets: "before", chunk: 5000}, everyRecord)
	if r := got.Requests[0]; r.ResponseBytes != 3_000_000 || !r.ResponseComplete {
		t.Errorf("%s", tell(r))
	}
	if f := got.Facts.TLS[0]; f.KeyUpdates == 0 || f.Alert == nil || f.OpenErrors > 0 {
		t.Errorf("%+v", f)
	}
	return spared
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
	const end = 15 // of the plaintext is always kept
	full := make([]byte, fullRecord)
	tests := []struct {
		name    string
		typ     byte
		first   int // of the bytes of the record, before it is to be read
		gap     uint64
		data    int
		counted uint64
	}{
		{name: "to be read after all", typ: recordApplication, first: recordHeader + 1000, gap: fullRecord - end, data: end},
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
