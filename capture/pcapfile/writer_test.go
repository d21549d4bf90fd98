package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gopx-trace/gopx-trace/capture"
)

// diffEvents returns the first difference between the events; nil and empty
// slices are the same.
func diffEvents(want, got []capture.Event) string {
	for i := range min(len(want), len(got)) {
		if reflect.DeepEqual(want[i], got[i]) { // cmp takes long for byte slices
			continue
		}
		d := cmp.Diff(want[i], got[i], cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{}))
		if d != "" {
			return fmt.Sprintf("event %d: %s", i, d)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d events, want %d", len(got), len(want))
	}
	return ""
}

func mustCreate(t testing.TB, o Options) (*Writer, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.pcapng")
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return w, path
}

func mustWrite(t testing.TB, w *Writer, events ...capture.Event) {
	t.Helper()
	for _, e := range events {
		if err := w.Write(e); err != nil {
			t.Fatalf("Write(%T): %v", e, err)
		}
	}
}

func mustClose(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustRead returns the events of the file at path, which must end well.
func mustRead(t testing.TB, path string) []capture.Event {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	events, err := drain(t, r)
	if err != io.EOF {
		t.Fatal(err)
	}
	return events
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(4) {
		random := newRandomEvents(seed)
		w, path := mustCreate(t, Options{Application: "test"})
		var want []capture.Event
		for range 2000 {
			want = append(want, random.next())
			mustWrite(t, w, want[len(want)-1])
		}
		mustClose(t, w)
		if d := diffEvents(want, mustRead(t, path)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// TestWriteKeepsEvents checks that Write changes nothing in the event it gets.
func TestWriteKeepsEvents(t *testing.T) {
	a, b := newRandomEvents(3), newRandomEvents(3)
	w, _ := mustCreate(t, Options{})
	for range 500 {
		e := a.next()
		mustWrite(t, w, e)
		if d := diffEvents([]capture.Event{b.next()}, []capture.Event{e}); d != "" {
			t.Fatal(d)
		}
	}
	mustClose(t, w)
}

// TestAfterKill reads a recording that was never closed, cut at many places:
// what is read is a beginning of what was written.
func TestAfterKill(t *testing.T) {
	random := newRandomEvents(9)
	w, path := mustCreate(t, Options{})
	defer w.Close()
	var want []capture.Event
	for range 200 {
		want = append(want, random.next())
		mustWrite(t, w, want[len(want)-1])
	}
	random.clock = random.clock.Add(flushAfter)
	last := random.packet()
	mustWrite(t, w, last) // more than a second later: all of it is written
	want = append(want, last)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	events, err := readAll(t, file)
	wantEOF(t, err)
	if d := diffEvents(want, events); d != "" {
		t.Fatal(d)
	}
	body := int(w.log.end())
	for n := len(file); n > body; n -= 1 + (len(file)-body)/300 {
		events, err := readAll(t, file[:n])
		if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		// Secrets are ahead of the stream: those that were not reached are at the end.
		for len(events) > 0 && isLeftover(events[len(events)-1]) {
			events = events[:len(events)-1]
		}
		if d := diffEvents(want[:min(len(events), len(want))], events); d != "" {
			t.Fatalf("cut at %d: %s", n, d)
		}
	}
}

func isLeftover(e capture.Event) bool {
	s, ok := e.(*capture.Secret)
	return ok && s.From == "file"
}

// TestFlushInRealTime waits for an event to reach the file without another.
func TestFlushInRealTime(t *testing.T) {
	w, path := mustCreate(t, Options{})
	defer w.Close()
	now := time.Unix(1700000000, 0).UTC()
	mustWrite(t, w, &capture.Lost{Time: now}, &capture.Lost{Time: now, Events: 1})
	deadline := time.Now().Add(10 * flushAfter)
	for len(mustRead(t, path)) < 2 {
		if time.Now().After(deadline) {
			t.Fatal("an event is still in memory")
		}
		time.Sleep(flushAfter / 10)
	}
}

func TestHugeEvent(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	want := []capture.Event{
		&capture.Command{Time: now, Argv: []string{strings.Repeat("a", 3*maxOption)}},
		&capture.Command{Time: now, Argv: []string{strings.Repeat("\xff", maxOption)}},
	}
	for n := maxPart - 100; n < maxPart+3; n++ {
		want = append(want, &capture.NotSeen{Time: now, Text: strings.Repeat("x", n)})
	}
	w, path := mustCreate(t, Options{})
	mustWrite(t, w, want...)
	mustWrite(t, w, &capture.NotSeen{Time: now, Text: strings.Repeat("x", maxEnvelope)})
	mustClose(t, w)
	got := mustRead(t, path)
	if d := diffEvents(want, got[:len(want)]); d != "" {
		t.Error(d[:min(len(d), 1000)])
	}
	if n, ok := got[len(got)-1].(*capture.NotSeen); !ok || !strings.Contains(n.Text, "was not recorded") {
		t.Errorf("in place of an event over the limit: %v", got[len(got)-1])
	}
}

func TestHugePacket(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	w, path := mustCreate(t, Options{})
	mustWrite(t, w, &capture.Packet{Time: now, Link: capture.LinkRaw, Data: make([]byte, maxPacket+5), Length: maxPacket + 9, Comm: strings.Repeat("x", 1000)})
	mustClose(t, w)
	p := mustRead(t, path)[0].(*capture.Packet)
	if len(p.Data) != maxPacket || p.Length != maxPacket+9 || len(p.Comm) != maxName {
		t.Errorf("%d of %d bytes, name of %d", len(p.Data), p.Length, len(p.Comm))
	}
}

func TestDamagedEnvelopes(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	b := appendSection(nil, "")
	b = appendInterface(b, capture.LinkRaw)
	for _, env := range []string{"", "{", `{"type":"new"}`, `{"type":"socket"}`, `{"type":"socket","event":{"pid":-1}}`, `{"type":"secret","event":{"line":3}}`, `{"type":"secret","event":{}}`, beginEnvelope} {
		b = appendEvent(b, now, env)
	}
	events, err := readAll(t, b)
	wantEOF(t, err)
	if len(events) != 7 {
		t.Errorf("%d events, want one for each of the 7 that cannot be read", len(events))
	}
	for _, e := range events {
		if n, ok := e.(*capture.NotSeen); !ok || !strings.HasPrefix(n.Text, "an event of the recording could not be read") {
			t.Errorf("got %+v", e)
		}
	}
}

func TestFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, link} {
		w, err := Create(p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, w, newRandomEvents(1).packet())
		mustClose(t, w)
		st, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode() != 0o600 {
			t.Errorf("mode %v, want a regular file with 0600", st.Mode())
		}
		if len(mustRead(t, p)) != 1 {
			t.Error("the packet is missing")
		}
	}
	if st, err := os.Lstat(link); err != nil || st.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link was replaced: %v %v", st, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 2 {
		t.Errorf("files were left behind: %v", entries)
	}
}

func TestPipe(t *testing.T) {
	r, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := Create(fmt.Sprintf("/dev/fd/%d", pw.Fd()), Options{MaxBytes: MinMaxBytes})
	if err != nil {
		t.Skip("no /dev/fd here:", err)
	}
	pw.Close()
	random := newRandomEvents(5)
	var want []capture.Event
	read := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(r)
		read <- b
	}()
	for range 1000 {
		want = append(want, random.next())
		mustWrite(t, w, want[len(want)-1])
	}
	mustClose(t, w)
	events, err := readAll(t, <-read)
	wantEOF(t, err)
	if d := diffEvents(want, events); d != "" {
		t.Error(d)
	}
}

func TestCreateOnFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	if _, err := Create("/dev/full", Options{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Create: %v, want %v", err, syscall.ENOSPC)
	}
}

func TestCreateErrors(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "none", "f"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no directory: %v", err)
	}
	path := filepath.Join(t.TempDir(), "f")
	if _, err := Create(path, Options{MaxBytes: MinMaxBytes - 1}); err == nil {
		t.Error("a tiny maximum was accepted")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file was made in spite of wrong options")
	}
}

func TestClosed(t *testing.T) {
	w, _ := mustCreate(t, Options{})
	mustClose(t, w)
	if err := w.Write(&capture.Lost{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := w.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func TestTextRoundTrip(t *testing.T) {
	random := newRandomEvents(1)
	for range 1000 {
		s := random.text() + random.text() + string(random.bytes(3))
		if got := unescape(escape(s)); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
		if !utf8.ValidString(escape(s)) {
			t.Fatalf("escape(%q) is not UTF-8", s)
		}
	}
}
