//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

// keyLine is a line of a key log with the given first byte of its random.
func keyLine(n byte) string {
	return fmt.Sprintf("CLIENT_RANDOM %02x%s %s\n", n, strings.Repeat("00", 31), strings.Repeat("cd", 48))
}

func TestParseKeyLog(t *testing.T) {
	random, secret := strings.Repeat("ab", 32), strings.Repeat("CD", 48)
	for _, tt := range []struct {
		line string
		ok   bool
	}{
		{"CLIENT_RANDOM " + random + " " + secret, true},
		{"SERVER_TRAFFIC_SECRET_0  " + random + "\t" + strings.Repeat("01", 64) + "\r", true},
		{"", false},
		{"# a comment", false},
		{"CLIENT_RANDOM " + random, false},
		{"CLIENT_RANDOM " + random + " " + secret + " more", false},
		{"CLIENT_RANDOM " + random[2:] + " " + secret, false},
		{"CLIENT_RANDOM " + random + " " + secret[1:], false},
		{"CLIENT_RANDOM " + random + " " + strings.Repeat("01", 65), false},
		{"client_random " + random + " " + secret, false},
		{strings.Repeat("A", 65) + " " + random + " " + secret, false},
	} {
		s, ok := parseKeyLog([]byte(tt.line))
		if ok != tt.ok {
			t.Errorf("%q: %v, want %v", tt.line, ok, tt.ok)
		}
		if ok && (len(s.ClientRandom) != 32 || s.From != "sslkeylogfile" || s.Label == "") {
			t.Errorf("%q: %+v", tt.line, s)
		}
	}
}

func FuzzParseKeyLog(f *testing.F) {
	f.Add([]byte(keyLine(1)))
	f.Add([]byte("CLIENT_RANDOM 00 00"))
	f.Add([]byte("A\x00 \xff z"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if s, ok := parseKeyLog(line); ok && (len(s.ClientRandom) != 32 || len(s.Secret) == 0 || len(s.Secret) > maxSecret) {
			t.Errorf("%+v", s)
		}
	})
}

// FuzzTake feeds bytes in two pieces: where they are cut must not matter.
func FuzzTake(f *testing.F) {
	f.Add([]byte(keyLine(1)+keyLine(2)), 20)
	f.Add([]byte(strings.Repeat("x", 2*maxLine)+"\n"+keyLine(3)), maxLine)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		if cut < 0 || cut > len(b) {
			return
		}
		var whole, parts tail
		whole.take(b, time.Time{})
		parts.take(b[:cut], time.Time{})
		parts.take(b[cut:], time.Time{})
		if len(whole.waiting) != len(parts.waiting) {
			t.Errorf("%d secrets at once, %d in parts", len(whole.waiting), len(parts.waiting))
		}
		if len(parts.rest) > maxLine {
			t.Errorf("%d bytes kept of a line", len(parts.rest))
		}
	})
}

// mustFetch waits for n secrets and returns the first bytes of their randoms.
func mustFetch(t *testing.T, tl *tail, n int) []byte {
	t.Helper()
	var got []byte
	for start := time.Now(); len(got) < n; time.Sleep(time.Millisecond) {
		secrets, dropped := tl.fetch()
		if dropped != 0 {
			t.Errorf("%d dropped", dropped)
		}
		for _, s := range secrets {
			got = append(got, s.ClientRandom[0])
		}
		if time.Since(start) > 5*time.Second {
			t.Fatalf("%d secrets, want %d", len(got), n)
		}
	}
	return got
}

func mustAppend(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestTailFollows(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.log")
	mustAppend(t, name, keyLine(1))
	tl, err := newTail(name, invoker.Self())
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, name, keyLine(2)+keyLine(3)[:40])
	if got := mustFetch(t, tl, 1); got[0] != 2 {
		t.Errorf("%v, want what came after the start", got)
	}
	mustAppend(t, name, keyLine(3)[40:])
	if got := mustFetch(t, tl, 1); got[0] != 3 {
		t.Errorf("%v, want the line that came in two parts", got)
	}
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * tailEvery) // for the poll to notice
	mustAppend(t, name, keyLine(4))
	if got := mustFetch(t, tl, 1); got[0] != 4 {
		t.Errorf("%v, want what was written after a truncation", got)
	}
	mustAppend(t, name, keyLine(5))
	tl.close()
	tl.close()
	if s, _ := tl.fetch(); len(s) != 1 || s[0].ClientRandom[0] != 5 {
		t.Errorf("%v, want what was written right before the end", s)
	}
}

func TestTailWaitsForTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.log")
	tl, err := newTail(name, invoker.Self())
	if err != nil {
		t.Fatal(err)
	}
	defer tl.close()
	mustAppend(t, name, keyLine(1))
	mustFetch(t, tl, 1)
}

func TestTailRefuses(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fifo, os.DevNull, t.TempDir()} {
		if tl, err := newTail(name, invoker.Self()); !errors.Is(err, errNotRegular) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				tl.close()
			}
		}
	}
}

func TestTailIsBounded(t *testing.T) {
	var tl tail
	for range maxWaiting + 5 {
		tl.hand(&capture.Secret{})
	}
	if s, dropped := tl.fetch(); len(s) != maxWaiting || dropped != 5 {
		t.Errorf("%d secrets, %d dropped", len(s), dropped)
	}
}
