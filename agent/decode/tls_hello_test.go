package decode

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte"
)

// buildHello is the body of a ClientHello with these extensions.
func buildHello(extensions map[uint16][]byte, order ...uint16) []byte {
	var b cryptobyte.Builder
	b.AddUint16(versionTLS12)
	b.AddBytes(bytes.Repeat([]byte{7}, 32))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("session")) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint32(0x1301c02b) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) })
	if len(order) > 0 {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, id := range order {
				b.AddUint16(id)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(extensions[id]) })
			}
		})
	}
	return b.BytesOrPanic()
}

func TestParseClientHello(t *testing.T) {
	body := buildHello(map[uint16][]byte{
		extensionServerName:          []byte("\x00\x0b\x00\x00\x08mod.test"),
		extensionGroups:              []byte("\x00\x04\x00\x1d\x00\x17"),
		extensionPointFormats:        []byte("\x01\x00"),
		extensionSignatureAlgorithms: []byte("\x00\x02\x04\x03"),
		extensionALPN:                []byte("\x00\x0c\x02h2\x08http/1.1"),
		extensionSessionTicket:       []byte("ticket"),
		extensionSupportedVersions:   []byte("\x04\x03\x04\x03\x03"),
	}, 0, 10, 11, 13, 16, 35, 42, 43)
	want := &clientHello{
		version: versionTLS12, random: [32]byte(bytes.Repeat([]byte{7}, 32)), session: []byte("session"),
		suites: []uint16{0x1301, 0xc02b}, extensions: []uint16{0, 10, 11, 13, 16, 35, 42, 43},
		hasName: true, serverName: "mod.test", protocols: []string{"h2", "http/1.1"}, versions: []uint16{0x0304, 0x0303},
		groups: []uint16{0x1d, 0x17}, formats: []uint8{0}, signatures: []uint16{0x0403},
		ticket: []byte("ticket"), earlyData: true,
	}
	got, ok := parseClientHello(body)
	if !ok {
		t.Fatal("not complete")
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(clientHello{})); diff != "" {
		t.Error(diff)
	}
	for n := range body {
		h, ok := parseClientHello(body[:n])
		if ok || (h != nil) != (n >= 34) {
			// Without extensions the message is complete too.
			if n != len(buildHello(nil)) {
				t.Errorf("cut at %d: complete %v, %v", n, ok, h)
			}
		}
	}
	if h, _ := parseClientHello(body[:len(body)-10]); h.serverName != "mod.test" {
		t.Error("what was read before the cut is not kept")
	}
}

func TestParseServerHello(t *testing.T) {
	random := bytes.Repeat([]byte{9}, 32)
	tests := []struct {
		name string
		body []byte
		want *serverHello
	}{
		{"no extensions", slices.Concat([]byte{3, 3}, random, []byte{1, 's', 0xc0, 0x2b, 0}),
			&serverHello{version: versionTLS12, random: [32]byte(random), session: []byte("s"), suite: 0xc02b}},
		{"TLS 1.3", slices.Concat([]byte{3, 3}, random, []byte("\x00\x13\x01\x00\x00\x0c\x00\x2b\x00\x02\x03\x04\x00\x29\x00\x02\x00\x00")),
			&serverHello{version: versionTLS13, random: [32]byte(random), suite: 0x1301, preSharedKey: true}},
		{"retry", slices.Concat([]byte{3, 3}, []byte(retryRandom), []byte("\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04")),
			&serverHello{version: versionTLS13, random: [32]byte([]byte(retryRandom)), suite: 0x1301, retry: true}},
		{"ALPN", slices.Concat([]byte{3, 3}, random, []byte("\x00\xc0\x2b\x00\x00\x0d\x00\x10\x00\x05\x00\x03\x02h2\x00\x16\x00\x00")),
			&serverHello{version: versionTLS12, random: [32]byte(random), suite: 0xc02b, protocol: "h2", encryptThenMAC: true}},
		{"draft 18", slices.Concat([]byte{0x7f, 18}, random, []byte("\x13\x01\x00\x00")),
			&serverHello{version: 0x7f12, random: [32]byte(random), suite: 0x1301}},
		{"cut", slices.Concat([]byte{3, 3}, random, []byte{0, 0xc0}), nil},
		{"empty", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseServerHello(test.body), cmp.AllowUnexported(serverHello{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVersionName(t *testing.T) {
	for v, want := range map[uint16]string{
		0x0002: "SSL 2.0", 0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
		0x7f12: "TLS 1.3 draft-18", 0x1234: "0x1234",
	} {
		if got := versionName(v); got != want {
			t.Errorf("%04x: %s, want %s", v, got, want)
		}
	}
}

func TestParseSSL2Hello(t *testing.T) {
	msg := []byte("\x01\x03\x01\x00\x06\x00\x02\x00\x10\x00\x00\x2f\x00\x00\x35id0123456789abcdef")
	h := parseSSL2Hello(msg)
	if h == nil || h.version != versionTLS10 || string(h.session) != "id" || string(h.random[16:]) != "0123456789abcdef" {
		t.Fatalf("%+v", h)
	}
	for n := range msg {
		if h := parseSSL2Hello(msg[:n]); h != nil {
			t.Errorf("cut at %d: %+v", n, h)
		}
	}
}

func FuzzClientHello(f *testing.F) {
	f.Add(buildHello(nil))
	f.Add(buildHello(map[uint16][]byte{
		extensionServerName: []byte("\x00\x0b\x00\x00\x08mod.test"), extensionALPN: []byte("\x00\x03\x02h2"),
	}, 0, 16, 0x3a3a))
	f.Add([]byte("\x01\x03\x01\x00\x06\x00\x02\x00\x10\x00\x00\x2f\x00\x00\x35id0123456789abcdef"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseSSL2Hello(b)
		parseServerHello(b)
		parseEncryptedExtensions(b)
		h, ok := parseClientHello(b)
		if h == nil {
			return
		}
		if len(h.serverName)+2*len(h.suites)+4*len(h.extensions) > len(b) {
			t.Errorf("more read than there is: %+v", h)
		}
		if ok && (len(ja3(h)) != 32 || len(ja4(h)) != 36) {
			t.Errorf("fingerprints %s, %s", ja3(h), ja4(h))
		}
	})
}
