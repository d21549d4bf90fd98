//go:build linux

package live

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
)

// realKernel loads the real kernel side, or skips where that is not possible.
func realKernel(t *testing.T) func(bpf.Options) (kernel, error) {
	return func(o bpf.Options) (kernel, error) {
		p, err := bpf.Load(o)
		if errors.Is(err, bpf.ErrNotPermitted) || errors.Is(err, bpf.ErrKernelTooOld) || errors.Is(err, bpf.ErrNoBTF) {
			t.Skip(err)
		}
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// mustBuild builds the client of testdata/dial.
func mustBuild(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "dial")
	cmd := exec.Command("go", "build", "-o", exe, "./testdata/dial")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return exe
}

// mustServe starts a TLS server on the loopback that greets and closes.
func mustServe(t *testing.T) string {
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
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				defer c.Close()
				fmt.Fprintln(c, "hello")
			}(c)
		}
	}()
	return l.Addr().String()
}

// randoms returns how many secrets there are for each client random.
func randoms(events []capture.Event) map[string]int {
	m := map[string]int{}
	for _, s := range only[*capture.Secret](events) {
		m[string(s.ClientRandom)]++
	}
	return m
}

// Many Go programs that nobody has seen before, at once: not one handshake may
// stay closed.
func TestNeverSeenPrograms(t *testing.T) {
	needRoot(t)
	const programs = 50
	addr := mustServe(t)
	original, err := os.ReadFile(mustBuild(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var script strings.Builder
	for i := range programs {
		name := filepath.Join(dir, fmt.Sprintf("dial%d", i))
		if err := os.WriteFile(name, append(original, byte(i)), 0o755); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "%s %s &\n", name, addr)
	}
	script.WriteString("wait\n")
	start := time.Now()
	res := mustRun(t, Options{Argv: []string{"sh", "-c", script.String()}}, realKernel(t))
	t.Logf("%d programs in %v", programs, time.Since(start))
	if res.code != 0 || res.errOut != "" {
		t.Errorf("code %d, %s", res.code, res.errOut)
	}
	opened := randoms(res.events)
	if len(opened) != programs {
		t.Errorf("secrets of %d handshakes, want %d", len(opened), programs)
	}
	for _, n := range opened {
		if n != 4 { // both handshake and both traffic secrets of TLS 1.3
			t.Errorf("%d secrets of a handshake, want 4", n)
		}
	}
	if lost := only[*capture.Lost](res.events); len(lost) != 0 {
		t.Errorf("lost %+v", lost[0])
	}
	checkPrograms(t, res.events, dir, programs)
}

// checkPrograms checks the exec events of the programs below dir.
func checkPrograms(t *testing.T, events []capture.Event, dir string, want int) {
	t.Helper()
	n := 0
	for _, p := range only[*capture.Process](events) {
		if p.Kind != capture.Exec || !strings.HasPrefix(p.Exe, dir) {
			continue
		}
		n++
		if p.TLS != "crypto/tls" || p.Missing != "" || len(p.Argv) != 2 {
			t.Errorf("%+v", p)
		}
	}
	if n != want {
		t.Errorf("%d exec events, want %d", n, want)
	}
}

func TestPacketsAndProcesses(t *testing.T) {
	addr := mustServe(t)
	res := mustRun(t, Options{Argv: []string{mustBuild(t), addr}}, realKernel(t))
	packets := only[*capture.Packet](res.events)
	for i, p := range packets {
		if p.Frame != i+1 || p.Link != capture.LinkRaw || p.Length < len(p.Data) || p.Time.Location() != time.UTC {
			t.Errorf("packet %d: %+v", i, p)
		}
	}
	if len(packets) < 10 {
		t.Errorf("%d packets", len(packets))
	}
	command := only[*capture.Command](res.events)[0]
	var execs, exits int
	for _, p := range only[*capture.Process](res.events) {
		if p.PID != command.PID {
			continue
		}
		switch p.Kind {
		case capture.Exec:
			execs++
			if p.Exe == "/proc/self/exe" {
				t.Error("the exec of the stub is shown")
			}
		case capture.ExitProc:
			exits++
		}
	}
	if execs != 1 || exits != 1 {
		t.Errorf("%d exec and %d exit events of the command", execs, exits)
	}
	if d := time.Since(packets[0].Time); d < 0 || d > time.Minute {
		t.Errorf("the first packet is of %v ago", d)
	}
}

// Of a command line of 5 KB the arguments that are there are whole.
func TestLongCommandLine(t *testing.T) {
	const url = "https://git.test/some/repository"
	res := mustRun(t, Options{Argv: []string{"sh", "-c", `/bin/true "$@"; exit`, "sh"}}, realKernel(t))
	if p := lastExec(res.events); p.ArgvCut || len(p.Argv) != 1 {
		t.Errorf("%+v", p)
	}
	argv := []string{"sh", "-c", `/bin/true "$@"; exit`, "sh"}
	res = mustRun(t, Options{Argv: append(argv, slices.Repeat([]string{url}, 5000/len(url))...)}, realKernel(t))
	p := lastExec(res.events)
	if want := 1 + (1023-len("/bin/true\x00"))/(len(url)+1); !p.ArgvCut || len(p.Argv) != want {
		t.Errorf("%d arguments, want %d, cut %t", len(p.Argv), want, p.ArgvCut)
	}
	for _, a := range p.Argv[1:] {
		if a != url {
			t.Errorf("argument %q", a)
		}
	}
}

// lastExec is the last exec of a run.
func lastExec(events []capture.Event) *capture.Process {
	last := &capture.Process{}
	for _, p := range only[*capture.Process](events) {
		if p.Kind == capture.Exec {
			last = p
		}
	}
	return last
}

// A program that is built and run within the trace keeps its first handshake,
// and the tree above it is complete.
func TestGoRun(t *testing.T) {
	addr := mustServe(t)
	env := append(os.Environ(), "CGO_ENABLED=0")
	res := mustRun(t, Options{Argv: []string{"go", "run", "./testdata/dial", addr}, Env: env}, realKernel(t))
	if res.code != 0 {
		t.Fatalf("code %d: %s", res.code, res.errOut)
	}
	if got := len(randoms(res.events)); got != 1 {
		t.Errorf("secrets of %d handshakes, want 1", got)
	}
	command := only[*capture.Command](res.events)[0].PID
	parent, found := map[uint32]uint32{}, false
	for _, p := range only[*capture.Process](res.events) {
		switch {
		case p.Kind == capture.Fork:
			parent[p.PID] = p.PPID
		case p.Kind == capture.Exec && filepath.Base(p.Exe) == "dial":
			found = true
			if parent[p.PID] != command || p.TLS != "crypto/tls" || p.Missing != "" {
				t.Errorf("parent %d, want %d; %+v", parent[p.PID], command, p)
			}
		}
	}
	if !found {
		t.Error("no exec of the program")
	}
}

// Another process that runs the same program at the same time leaves nothing.
func TestOthersAreNotSeen(t *testing.T) {
	needRoot(t)
	addr, exe := mustServe(t), mustBuild(t)
	stop := make(chan bool)
	done := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			if exec.Command(exe, addr).Run() == nil {
				n++
			}
		}
	}()
	res := mustRun(t, Options{Argv: []string{exe, addr, "300ms"}}, realKernel(t))
	close(stop)
	if n := <-done; n == 0 {
		t.Fatal("the other process did nothing")
	}
	if got := len(randoms(res.events)); got != 1 {
		t.Errorf("secrets of %d handshakes, want 1", got)
	}
}

// curl writes its secrets to the key log that it is given.
func TestSecretsOfOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip(err)
	}
	addr := mustServe(t)
	env := unset(os.Environ(), keyLogVariable)
	argv := []string{"curl", "-sk", "--noproxy", "*", "--http0.9", "https://" + addr}
	res := mustRun(t, Options{Argv: argv, Env: env}, realKernel(t))
	if res.out != "hello\n" {
		t.Errorf("curl: %q %s", res.out, res.errOut)
	}
	secrets := only[*capture.Secret](res.events)
	if len(secrets) < 4 || secrets[0].From != "sslkeylogfile" {
		t.Errorf("%d secrets: %+v", len(secrets), secrets)
	}
	for _, p := range only[*capture.Process](res.events) {
		if p.Kind == capture.Exec && p.TLS != "openssl" {
			t.Errorf("TLS of curl: %+v", p)
		}
	}
}

// The user's own key log is respected, and read from where it ends.
func TestSecretsOfTheUsersKeyLog(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip(err)
	}
	addr := mustServe(t)
	log := filepath.Join(t.TempDir(), "user.log")
	old := "CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48) + "\n"
	if err := os.WriteFile(log, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(unset(os.Environ(), keyLogVariable), keyLogVariable+"="+log)
	argv := []string{"curl", "-sk", "--noproxy", "*", "--http0.9", "https://" + addr}
	res := mustRun(t, Options{Argv: argv, Env: env}, realKernel(t))
	if got := len(randoms(res.events)); got != 1 {
		t.Errorf("secrets of %d handshakes, want 1", got)
	}
	if b := mustRead(t, log); !strings.HasPrefix(b, old) || len(b) == len(old) {
		t.Errorf("the user's key log: %q", b)
	}
	env1 := only[*capture.Environment](res.events)[0]
	if env1.TLS[keyLogVariable] != log {
		t.Errorf("environment %v", env1.TLS)
	}
}
