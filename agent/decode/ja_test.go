package decode

import "testing"

// chrome is the ClientHello of the example in FoxIO's description of JA4, with
// GREASE where Chrome puts it.
func chrome() *clientHello {
	return &clientHello{
		version: versionTLS12,
		suites: []uint16{0x7a7a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
			0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
		extensions: []uint16{0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005,
			0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xcaca},
		hasName:    true,
		serverName: "mod.test",
		protocols:  []string{"h2", "http/1.1"},
		versions:   []uint16{0x9a9a, versionTLS13, versionTLS12},
		signatures: []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
	}
}

func TestJA4(t *testing.T) {
	const suites, rest = "_8daaf6152771", "_e5627efa2ab1"
	tests := []struct {
		name   string
		change func(*clientHello)
		want   string
	}{
		{"Chrome", func(*clientHello) {}, "t13d1516h2" + suites + rest},
		{"order does not matter", func(h *clientHello) {
			h.suites[1], h.suites[5] = h.suites[5], h.suites[1]
			h.extensions[1], h.extensions[9] = h.extensions[9], h.extensions[1]
		}, "t13d1516h2" + suites + rest},
		{"no name", func(h *clientHello) { h.hasName = false }, "t13i1516h2" + suites + rest},
		{"legacy version", func(h *clientHello) { h.versions = nil }, "t12d1516h2" + suites + rest},
		{"SSL 3.0", func(h *clientHello) { h.versions, h.version = nil, versionSSL30 }, "ts3d1516h2" + suites + rest},
		{"unknown version", func(h *clientHello) { h.versions = []uint16{0x7f1c} }, "t00d1516h2" + suites + rest},
		{"no ALPN", func(h *clientHello) { h.protocols = nil }, "t13d151600" + suites + rest},
		{"one character", func(h *clientHello) { h.protocols = []string{"x"} }, "t13d1516xx" + suites + rest},
		{"not ASCII", func(h *clientHello) { h.protocols = []string{"\xab\xcd"} }, "t13d1516ad" + suites + rest},
		{"GREASE protocol", func(h *clientHello) { h.protocols = []string{"\x0a\x0a"} }, "t13d15160a" + suites + rest},
		{"no suites", func(h *clientHello) { h.suites = nil }, "t13d0016h2_000000000000" + rest},
		{"nothing", func(h *clientHello) { *h = clientHello{version: versionTLS10} }, "t10i000000_000000000000_000000000000"},
		{"more than 99", func(h *clientHello) {
			for i := range uint16(200) {
				h.extensions = append(h.extensions, 0x5000+i)
			}
		}, "t13d1599h2" + suites + rest},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := chrome()
			test.change(h)
			got := ja4(h)
			if test.name == "more than 99" {
				got, test.want = got[:10], test.want[:10]
			}
			if got != test.want {
				t.Errorf("JA4 %s, want %s", got, test.want)
			}
		})
	}
}

// TestJA3 has the examples of JA3's own description.
func TestJA3(t *testing.T) {
	tests := []struct {
		hello clientHello
		text  string
		want  string
	}{
		{clientHello{
			version:    versionTLS10,
			suites:     []uint16{0x0a0a, 47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
			extensions: []uint16{0, 10, 11, 0xfafa}, groups: []uint16{0x1a1a, 23, 24, 25}, formats: []uint8{0},
		}, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", "ada70206e40642a3e4461f35503241d5"},
		{clientHello{
			version: versionTLS10, suites: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99},
		}, "769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6"},
	}
	for _, test := range tests {
		if got := ja3Text(&test.hello); got != test.text {
			t.Errorf("JA3 text %s, want %s", got, test.text)
		}
		if got := ja3(&test.hello); got != test.want {
			t.Errorf("JA3 %s, want %s", got, test.want)
		}
	}
}

func TestIsGREASE(t *testing.T) {
	for v := range 1 << 16 {
		want := v&0xf == 0xa && v>>4&0xf == v>>12 && v>>8&0xf == 0xa
		if got := isGREASE(uint16(v)); got != want {
			t.Errorf("%04x: %v", v, got)
		}
	}
}
