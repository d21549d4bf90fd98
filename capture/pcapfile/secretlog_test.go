package pcapfile

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// blockTypes returns the types of the blocks of a file that this package wrote.
func blockTypes(t *testing.T, path string) []uint32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := completeBlocks(b); n != len(b) {
		t.Fatalf("%d of %d bytes are whole blocks", n, len(b))
	}
	var types []uint32
	for ; len(b) > 0; b = b[le.Uint32(b[4:]):] {
		types = append(types, le.Uint32(b))
	}
	return types
}

// secretsBehindPackets counts the secrets blocks behind the first packet.
func secretsBehindPackets(types []uint32) (n int) {
	packet := false
	for _, kind := range types {
		packet = packet || kind == blockEnhanced
		if packet && kind == blockSecrets {
			n++
		}
	}
	return n
}

// TestSecretsFirst uses up the room for secrets: while recording, the rest
// stands in the stream, after Close all of it at the front.
func TestSecretsFirst(t *testing.T) {
	random := newRandomEvents(2)
	random.packetSize = 100
	w, path := mustCreate(t, Options{})
	var want []capture.Event
	for range roomSize / 100 { // not every random secret takes a line
		want = append(want, random.secret(), random.packet())
	}
	mustWrite(t, w, want...)
	random.clock = random.clock.Add(2 * flushAfter)
	want = append(want, random.packet())
	mustWrite(t, w, want[len(want)-1])
	if n := secretsBehindPackets(blockTypes(t, path)); n < 50 {
		t.Fatalf("%d secrets blocks in the stream, want many: this test tests nothing", n)
	}
	if d := diffEvents(want, mustRead(t, path)); d != "" {
		t.Error("before Close:", d)
	}
	mustClose(t, w)
	if n := secretsBehindPackets(blockTypes(t, path)); n != 0 {
		t.Errorf("%d secrets blocks behind packets", n)
	}
	if d := diffEvents(want, mustRead(t, path)); d != "" {
		t.Error("after Close:", d)
	}
}

// TestSecretsOnce writes a secret again and again.
func TestSecretsOnce(t *testing.T) {
	w, path := mustCreate(t, Options{})
	s := &capture.Secret{Time: time.Unix(1, 0).UTC(), Label: "L", ClientRandom: []byte{1, 2}, Secret: []byte{3, 4}, From: "crypto/tls", PID: 1}
	again := *s
	again.PID, again.From = 2, "sslkeylogfile"
	mustWrite(t, w, s, &again, s)
	mustClose(t, w)
	if d := diffEvents([]capture.Event{s, &again, s}, mustRead(t, path)); d != "" {
		t.Error(d)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("L 0102 0304\n")); n != 1 {
		t.Errorf("the line is there %d times", n)
	}
	if len(b) > 4096 {
		t.Errorf("the file has %d bytes: the unused room is still there", len(b))
	}
}

// TestStrippedSecrets takes the secrets blocks out: no secret may be left, and
// the reader says that they are missing.
func TestStrippedSecrets(t *testing.T) {
	w, path := mustCreate(t, Options{})
	s := &capture.Secret{Time: time.Unix(1, 0).UTC(), Label: "CLIENT_RANDOM", ClientRandom: []byte("random"), Secret: []byte("the secret")}
	mustWrite(t, w, s)
	mustClose(t, w)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var stripped []byte
	for ; len(b) > 0; b = b[le.Uint32(b[4:]):] {
		if le.Uint32(b) != blockSecrets {
			stripped = append(stripped, b[:le.Uint32(b[4:])]...)
		}
	}
	line, _ := appendSecret(nil, s)
	if bytes.Contains(stripped, line[30:40]) || bytes.Contains(stripped, s.Secret) {
		t.Error("the secret is in another block too")
	}
	events, err := readAll(t, stripped)
	wantEOF(t, err)
	if len(events) != 1 {
		t.Fatalf("events %v, want one", events)
	}
	if _, ok := events[0].(*capture.NotSeen); !ok {
		t.Errorf("event %+v, want a NotSeen", events[0])
	}
}

// TestManySecrets goes beyond what the reader keeps for references: all are
// delivered all the same.
func TestManySecrets(t *testing.T) {
	line := []byte("LABEL 0102 " + strings.Repeat("03", 100) + "\n")
	lines := bytes.Repeat(line, maxKept/4/len(line))
	b := appendSection(nil, "")
	b = appendInterface(b, capture.LinkRaw)
	b = appendEvent(b, time.Time{}, beginEnvelope)
	const blocks = 5
	for range blocks {
		b = appendSecretsBlock(b, lines)
	}
	last := blocks*len(lines)/len(line) - 1
	env, err := seal(typeSecret, &secretReference{Line: &last})
	if err != nil {
		t.Fatal(err)
	}
	b = appendEvent(b, time.Unix(1, 0), env)
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		_, err = r.Next()
	}
	wantEOF(t, err)
	if n-1 != last+1 {
		t.Errorf("%d secrets, want %d", n-1, last+1)
	}
}
