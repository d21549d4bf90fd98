//go:build linux

package bpf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tlsServer is a server that knows the secrets of every connection.
type tlsServer struct {
	address string
	mu      sync.Mutex
	log     bytes.Buffer
}

// Write takes the lines of its key log.
func (s *tlsServer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

// take returns the sorted lines since the last call.
func (s *tlsServer) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	s.log.Reset()
	slices.Sort(lines)
	return lines
}

// serverConfig has a certificate that nobody trusts.
func serverConfig(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func newTLSServer(t *testing.T) *tlsServer {
	t.Helper()
	s := &tlsServer{}
	config := serverConfig(t)
	config.KeyLogWriter = s
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.address = l.Addr().String()
	go s.serve(l)
	return s
}

func (s *tlsServer) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.WriteString(conn, "hello")
		}()
	}
}

// lines returns the secrets as sorted lines of a key log. A goroutine whose stack
// grows gives some twice.
func lines(samples []Sample) []string {
	var all []string
	for _, s := range ofKind(samples, KindSecret) {
		all = append(all, fmt.Sprintf("%s %x %x", s.Secret.Label, s.Secret.ClientRandom, s.Secret.Secret))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The secrets of a Go client are those of the server, however it was built; and
// the same program outside the cgroup leaves nothing.
func TestSecrets(t *testing.T) {
	server := newTLSServer(t)
	for _, m := range buildModes() {
		t.Run(m.name, func(t *testing.T) {
			needRoot(t)
			path, _ := m.build(t, t.TempDir())
			w := watch(t, Options{})
			for range 2 {
				if err := w.AttachTLS(path); err != nil {
					t.Fatal(err)
				}
			}
			if err := exec.Command(path, server.address, "13").Run(); err != nil {
				t.Fatal(err)
			}
			server.take()
			for _, version := range []string{"12", "13"} {
				pid, samples := w.run(exec.Command(path, server.address, version))
				if got, want := lines(samples), server.take(); !slices.Equal(got, want) {
					t.Errorf("TLS %s: secrets\n%s\nwant\n%s", version, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				for _, s := range ofKind(samples, KindSecret) {
					if s.PID != pid {
						t.Errorf("secret of pid %d, want %d", s.PID, pid)
					}
				}
			}
		})
	}
}

// An executable that is written anew at the same place is another one.
func TestAttachTLSChanged(t *testing.T) {
	server := newTLSServer(t)
	w := watch(t, Options{})
	dir := t.TempDir()
	modes := buildModes()
	first, _ := modes[0].build(t, dir)
	path := filepath.Join(dir, "program")
	for i, from := range []string{first, first} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			b = append(b, 0)
		}
		if err := os.WriteFile(path, b, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := w.AttachTLS(path); err != nil {
			t.Fatal(err)
		}
		_, samples := w.run(exec.Command(path, server.address, "13"))
		if got, want := lines(samples), server.take(); !slices.Equal(got, want) {
			t.Errorf("round %d: %d secrets, want %d", i, len(got), len(want))
		}
	}
	if n := len(w.executables); n != 1 {
		t.Errorf("%d executables, want 1", n)
	}
}

func TestAttachTLSErrors(t *testing.T) {
	w := watch(t, Options{})
	for path, want := range map[string]error{
		"/bin/sh":      ErrNoGoTLS,
		"/dev/null":    ErrNoGoTLS,
		"/":            ErrNoGoTLS,
		"/nonexistent": os.ErrNotExist,
	} {
		if err := w.AttachTLS(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	w.Close()
	if err := w.AttachTLS("/proc/self/exe"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v, want %v", err, os.ErrClosed)
	}
	if err := w.Read(new(Sample), testWait); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close: %v, want %v", err, os.ErrClosed)
	}
}

// BenchmarkAttachTLS attaches to executables never seen before.
func BenchmarkAttachTLS(b *testing.B) {
	w := watch(b, Options{})
	program, err := exec.LookPath("go")
	if err != nil {
		b.Skip(err)
	}
	image, err := os.ReadFile(program)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "go")
	for b.Loop() {
		b.StopTimer()
		os.Remove(path)
		if err := os.WriteFile(path, image, 0o755); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := w.AttachTLS(path); err != nil {
			b.Fatal(err)
		}
	}
}

// The probe leaves an executable that was deleted, and no other.
func TestDetachDeleted(t *testing.T) {
	if olderThan(6, 6) {
		t.Skip("the kernel does not say the name of what a perf event is attached to")
	}
	w := watch(t, Options{})
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "go")
	if err := os.WriteFile(path, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.AttachTLS(path); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if !w.DetachDeleted(st.Dev, st.Ino+1) {
		t.Error("a probe in what was never seen")
	}
	if w.DetachDeleted(st.Dev, st.Ino) {
		t.Error("detached from a file that is there")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !w.DetachDeleted(st.Dev, st.Ino) {
		t.Error("not detached from a deleted file")
	}
}
