//go:build linux

package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dialer is a program that does one TLS handshake and one request.
const dialer = `package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
)

func main() {
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	r, err := c.Get(os.Args[1])
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, r.Body)
}
`

// kinds are ways to build a Go program that hide its symbols or move its text.
func kinds() map[string][]string {
	return map[string][]string{
		"plain":        {"CGO_ENABLED=0"},
		"stripped":     {"CGO_ENABLED=0", "-ldflags=-s -w"},
		"pie":          {"CGO_ENABLED=0", "-buildmode=pie"},
		"pie-stripped": {"CGO_ENABLED=0", "-buildmode=pie", "-ldflags=-s -w"},
		"cgo":          {"CGO_ENABLED=1", "-ldflags=-linkmode=external"},
		"cgo-pie":      {"CGO_ENABLED=1", "-buildmode=pie", "-ldflags=-linkmode=external -s -w"},
	}
}

// 200 Go programs that nobody has seen before, each doing one TLS handshake, all
// at once, and programs built in every way: not one stays closed.
func TestNeverSeenPrograms(t *testing.T) {
	needRoot(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.URL.Path) }))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	s.StartTLS()
	defer s.Close()

	dir := t.TempDir()
	var script strings.Builder
	for name, how := range kinds() {
		fmt.Fprintf(&script, "%s %s/%s &\n", build(t, dir, name, how), s.URL, name)
	}
	plain, err := os.ReadFile(filepath.Join(dir, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	const many = 200
	for i := range many {
		exe := filepath.Join(dir, fmt.Sprint("copy", i))
		if err := os.WriteFile(exe, append(plain, byte(i)), 0o755); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "%s %s/copy%d &\n", exe, s.URL, i)
	}
	r := traceHere(t, []string{"sh", "-c", script.String() + "wait\n"})
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	opened := map[string]bool{}
	for _, q := range r.live.Requests {
		if q.Status == 200 {
			opened[q.URL] = true
		}
	}
	if want := many + len(kinds()); len(opened) != want || r.live.Losses.Packets+r.live.Losses.Events != 0 {
		t.Errorf("%d of %d connections were opened, lost %+v", len(opened), want, r.live.Losses)
	}
	for name := range kinds() {
		if !opened[s.URL+"/"+name] {
			t.Errorf("%s: not opened", name)
		}
	}
}

// build builds the dialer in one way and returns its path.
func build(t *testing.T, dir, name string, how []string) string {
	t.Helper()
	src := filepath.Join(dir, "dialer.go")
	if err := os.WriteFile(src, []byte(dialer), 0o644); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, name)
	c := exec.Command("go", append(append([]string{"build", "-o", exe}, how[1:]...), src)...)
	c.Env = append(os.Environ(), how[0])
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return exe
}
