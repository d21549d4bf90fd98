package decode

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// pause is between what openssl is given to send, which would otherwise arrive
// as one.
const pause = 250 * time.Millisecond

// openssl runs conversations between openssl's own client and server, through
// a proxy that records them.
type openssl struct {
	t      *testing.T
	folder string
	server string // address
}

// newOpenSSL starts a server with these arguments.
func newOpenSSL(t *testing.T, args ...string) *openssl {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl: ", err)
	}
	o := &openssl{t: t, folder: t.TempDir()}
	o.writeKey()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.server = l.Addr().String()
	l.Close()
	args = slices.Concat([]string{"s_server", "-accept", o.server, "-cert", o.file("cert.pem"), "-key", o.file("key.pem")}, args)
	cmd := exec.Command(path, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	o.await()
	return o
}

// await waits until the server listens.
func (o *openssl) await() {
	for range 100 {
		if c, err := net.Dial("tcp", o.server); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	o.t.Fatal("openssl s_server does not listen")
}

func (o *openssl) file(name string) string { return filepath.Join(o.folder, name) }

// writeKey makes an RSA key, which every suite of openssl can use.
func (o *openssl) writeKey() {
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mod.test",
		"-keyout", o.file("key.pem"), "-out", o.file("cert.pem")).CombinedOutput()
	if err != nil {
		o.t.Fatalf("%v: %s", err, out)
	}
}

// dial runs the client with these arguments; each input is written after a
// pause. It returns the tape, the secrets standing in front.
func (o *openssl) dial(inputs []string, args ...string) *tlsTape {
	o.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		o.t.Fatal(err)
	}
	defer l.Close()
	tape := &tlsTape{}
	var done sync.WaitGroup
	done.Go(func() { o.relay(l, tape) })
	keys := filepath.Join(o.t.TempDir(), "keys")
	cmd := exec.Command("openssl", slices.Concat([]string{"s_client", "-connect", l.Addr().String(), "-keylogfile", keys}, args)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	for _, text := range inputs {
		time.Sleep(pause)
		io.WriteString(in, text)
	}
	time.Sleep(pause)
	in.Close()
	cmd.Wait()
	l.Close()
	done.Wait()
	log, err := os.ReadFile(keys)
	if err != nil {
		o.t.Fatalf("%v\n%s", err, out.Bytes())
	}
	for _, s := range slices.Backward(secretsOf(string(log))) {
		tape.events = slices.Insert(tape.events, 0, taped{secret: s})
	}
	return tape
}

// relay carries one connection.
func (o *openssl) relay(l net.Listener, tape *tlsTape) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	s, err := net.Dial("tcp", o.server)
	if err != nil {
		return
	}
	defer s.Close()
	var done sync.WaitGroup
	done.Go(func() { io.Copy(s, &tapedReader{c, tape, flow.ToServer}); s.(*net.TCPConn).CloseWrite() })
	done.Go(func() { io.Copy(c, &tapedReader{s, tape, flow.ToClient}); c.(*net.TCPConn).CloseWrite() })
	done.Wait()
}

// tapedReader records what is read.
type tapedReader struct {
	io.Reader
	tape *tlsTape
	dir  flow.Dir
}

func (r *tapedReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.tape.add(taped{dir: r.dir, b: bytes.Clone(b[:n])})
	}
	return n, err
}

func TestOpenSSLSuites(t *testing.T) {
	const get = "GET / HTTP/1.0\r\n\r\n"
	low := ":@SECLEVEL=0"
	tests := []struct {
		suite string
		args  []string
	}{
		{"TLS_AES_128_CCM_SHA256", []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"}},
		{"TLS_AES_128_CCM_8_SHA256", []string{"-tls1_3", "-cipher", "DEFAULT" + low, "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"}},
		{"TLS_AES_256_GCM_SHA384", []string{"-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"}},
		{"TLS_CHACHA20_POLY1305_SHA256", []string{"-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"}},
		{"TLS_RSA_WITH_AES_128_CCM", []string{"-tls1_2", "-cipher", "AES128-CCM" + low}},
		{"TLS_RSA_WITH_AES_256_CCM_8", []string{"-tls1_2", "-cipher", "AES256-CCM8" + low}},
		{"TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", []string{"-tls1_2", "-cipher", "DHE-RSA-CHACHA20-POLY1305"}},
		{"TLS_RSA_WITH_AES_128_CBC_SHA", []string{"-tls1_2", "-cipher", "AES128-SHA" + low}},
		{"TLS_RSA_WITH_AES_256_CBC_SHA256", []string{"-tls1_2", "-cipher", "AES256-SHA256" + low}},
		{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384" + low}},
		{"TLS_RSA_WITH_NULL_SHA256", []string{"-tls1_2", "-cipher", "NULL-SHA256" + low}},
		{"TLS_RSA_WITH_AES_256_CBC_SHA", []string{"-tls1_1", "-cipher", "AES256-SHA" + low}},
		{"TLS_RSA_WITH_AES_128_CBC_SHA", []string{"-tls1", "-cipher", "AES128-SHA" + low}},
	}
	server := newOpenSSL(t, "-www", "-quiet", "-cipher", "ALL:COMPLEMENTOFALL"+low, "-ciphersuites",
		"TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
	for _, test := range tests {
		t.Run(test.suite, func(t *testing.T) {
			t.Parallel()
			tape := server.dial([]string{get}, append(test.args, "-quiet")...)
			for _, chunk := range []int{0, 1, 1448} {
				p := tape.play(playing{secrets: "before", chunk: chunk})
				f := p.Facts
				if f.CipherSuite != test.suite || !f.Decrypted || !f.Established || f.OpenErrors > 0 {
					t.Fatalf("facts %+v", f)
				}
				if len(p.Inner) != 1 || string(p.Inner[0].Data_[flow.ToServer]) != get ||
					!bytes.HasPrefix(p.Inner[0].Data_[flow.ToClient], []byte("HTTP/1.0 200 ok\r\n")) {
					t.Fatalf("%d streams inside", len(p.Inner))
				}
				if n := len(f.Certificates); n != 1 {
					t.Errorf("%d certificates", n)
				}
			}
		})
	}
}

func TestOpenSSLKeyUpdate(t *testing.T) {
	server := newOpenSSL(t, "-www", "-quiet")
	tape := server.dial([]string{"K\n", "k\n", "GET / HTTP/1.0\r\n\r\n"})
	p := tape.play(playing{secrets: "before", chunk: 1000})
	if p.Facts.KeyUpdates < 3 {
		t.Errorf("%d key updates, want the client's two and the server's one", p.Facts.KeyUpdates)
	}
	if p.Facts.OpenErrors > 0 || len(p.Inner) != 1 || !bytes.HasPrefix(p.Inner[0].Data_[flow.ToClient], []byte("HTTP/1.0 200 ok\r\n")) {
		t.Errorf("answer not read: %+v", p.Facts)
	}
}

func TestOpenSSLEarlyData(t *testing.T) {
	const early, later = "early bird\n", "second line\n"
	taking, refusing := newOpenSSL(t, "-quiet", "-early_data"), newOpenSSL(t, "-quiet")
	if err := os.WriteFile(taking.file("early"), []byte(early), 0o600); err != nil {
		t.Fatal(err)
	}
	session := taking.file("session")
	taking.dial([]string{"first\n"}, "-tls1_3", "-sess_out", session)
	tests := []struct {
		name   string
		server *openssl
		want   string
	}{
		{"taken", taking, early + later},
		{"refused", refusing, later},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tape := test.server.dial([]string{later}, "-tls1_3", "-sess_in", session, "-early_data", taking.file("early"))
			for _, chunk := range []int{0, 50} {
				p := tape.play(playing{secrets: "before", chunk: chunk})
				if p.Facts.Resumed != (test.server == taking) || p.Facts.OpenErrors > 0 || len(p.Inner) != 1 {
					t.Fatalf("%d streams inside, %+v", len(p.Inner), p.Facts)
				}
				if got := string(p.Inner[0].Data_[flow.ToServer]); got != test.want {
					t.Errorf("read %q, want %q", got, test.want)
				}
			}
			tape.events = slices.DeleteFunc(tape.events, func(e taped) bool {
				return e.secret != nil && e.secret.Label == keylog.ClientEarlyTraffic
			})
			p := tape.play(playing{secrets: "before"})
			if got := string(p.Inner[0].Data_[flow.ToServer]); got != later {
				t.Errorf("without the early secret read %q, want %q", got, later)
			}
			if gap := len(p.Inner[0].Gaps[flow.ToServer]) > 0; gap != (test.server == taking) {
				t.Errorf("gaps %v", p.Inner[0].Gaps)
			}
		})
	}
}
