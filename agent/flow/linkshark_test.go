package flow

import (
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// appendBlock appends a pcapng block of 32-bit words and bytes.
func appendBlock(b []byte, kind uint32, words []uint32, data []byte) []byte {
	le := binary.LittleEndian
	size := uint32(12 + 4*len(words) + (len(data)+3)&^3)
	b = le.AppendUint32(le.AppendUint32(b, kind), size)
	for _, w := range words {
		b = le.AppendUint32(b, w)
	}
	b = append(b, data...)
	b = append(b, make([]byte, -len(data)&3)...)
	return le.AppendUint32(b, size)
}

// TestLinkTypesAreWiresharks has tshark find the same TCP segment in every
// packet of TestLinkTypes, each on an interface of its own in one file.
func TestLinkTypesAreWiresharks(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	cases := linkCases()
	names := slices.Sorted(maps.Keys(cases))
	file := appendBlock(nil, 0x0a0d0d0a, []uint32{0x1a2b3c4d, 1, ^uint32(0), ^uint32(0)}, nil)
	for _, name := range names {
		file = appendBlock(file, 1, []uint32{uint32(cases[name].link), 0}, nil)
	}
	for i, name := range names {
		n := uint32(len(cases[name].data))
		file = appendBlock(file, 6, []uint32{uint32(i), 0, 0, n, n}, cases[name].data)
	}
	path := filepath.Join(t.TempDir(), "links.pcapng")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-n", "-r", path, "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.len",
		"-e", "frame.protocols", "-E", "occurrence=l").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(names) {
		t.Fatalf("tshark reads %d frames, not %d", len(lines), len(names))
	}
	for i, name := range names {
		if name == "PPP of pppd" { // tshark 4.0 takes it for LINKTYPE_PPP_WITH_DIR
			continue
		}
		if !strings.HasPrefix(lines[i], "40000\t443\t5\t") {
			t.Errorf("%s: tshark reads %q", name, lines[i])
		}
	}
}
