package decode

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
)

// taped is one thing that happened on a tape: bytes of a direction, a hole in
// them, or a secret that became known.
type taped struct {
	dir    flow.Dir
	b      []byte
	gap    int
	secret *capture.Secret
}

// tlsTape is a recorded conversation. As a key log writer it records secrets at
// the place where they became known.
type tlsTape struct {
	mu     sync.Mutex
	events []taped
}

func (t *tlsTape) add(e taped) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
}

// Write takes a line of a key log.
func (t *tlsTape) Write(line []byte) (int, error) {
	for _, s := range secretsOf(string(line)) {
		t.add(taped{secret: s})
	}
	return len(line), nil
}

func secretsOf(log string) (list []*capture.Secret) {
	for line := range strings.Lines(log) {
		f := strings.Fields(line)
		if len(f) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		random, _ := hex.DecodeString(f[1])
		secret, _ := hex.DecodeString(f[2])
		list = append(list, &capture.Secret{Label: f[0], ClientRandom: random, Secret: secret})
	}
	return list
}

// tapedConn records what the client reads and writes.
type tapedConn struct {
	net.Conn
	tape *tlsTape
}

func (c *tapedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.tape.add(taped{dir: flow.ToClient, b: bytes.Clone(b[:n])})
	}
	return n, err
}

func (c *tapedConn) Write(b []byte) (int, error) {
	c.tape.add(taped{dir: flow.ToServer, b: bytes.Clone(b)})
	return c.Conn.Write(b)
}

// playing says how a tape is played.
type playing struct {
	// secrets: "live" where they stand on the tape, "before" everything, "after"
	// the connection has ended, or "never".
	secrets string
	// chunk is the greatest length of a segment; 0 leaves them as they are.
	chunk int
	seed  uint64
	// store is used if it is not nil.
	store *keylog.Store
}

// played is what came of playing a tape.
type played struct {
	Facts *trace.TLS
	Inner []*inner
}

// inner is a stream that writes down what it gets.
type inner struct {
	ALPN  string
	Data_ [2][]byte
	Gaps  [2][]uint64
	Ends  [2][]flow.Ending
	// Marks are the distinct marks of the data, in order.
	Marks []flow.Mark
}

func (s *inner) Data(d flow.Dir, b []byte, m flow.Mark) {
	s.Data_[d] = append(s.Data_[d], b...)
	if n := len(s.Marks); n == 0 || s.Marks[n-1] != m {
		s.Marks = append(s.Marks, m)
	}
}

func (s *inner) Gap(d flow.Dir, n uint64, _ flow.Mark) { s.Gaps[d] = append(s.Gaps[d], n) }

func (s *inner) End(d flow.Dir, how flow.Ending, _ flow.Mark) { s.Ends[d] = append(s.Ends[d], how) }

// play plays the tape to a TLS layer.
func (t *tlsTape) play(how playing) played {
	if how.store == nil {
		how.store = keylog.NewStore()
	}
	var out played
	conn := &Conn{Facts: &trace.Connection{}, Secrets: how.store}
	layer := newTLSLayer(conn, func(c *Conn) flow.Stream {
		s := &inner{ALPN: c.ALPN}
		out.Inner = append(out.Inner, s)
		return s
	})
	out.Facts = conn.Facts.TLS[0]
	switch how.secrets {
	case "before":
		t.addSecrets(how.store)
	case "after":
		how.store.Expect()
	}
	last := t.feed(layer, how)
	layer.End(flow.ToServer, flow.Finished, last)
	layer.End(flow.ToClient, flow.Finished, last)
	if how.secrets == "after" {
		t.addSecrets(how.store)
	}
	how.store.Close()
	return out
}

func (t *tlsTape) addSecrets(s *keylog.Store) {
	for _, e := range t.events {
		if e.secret != nil {
			s.Add(e.secret)
		}
	}
}

// feed plays the events, each segment with a mark of its own.
func (t *tlsTape) feed(layer flow.Stream, how playing) flow.Mark {
	random := mathrand.New(mathrand.NewPCG(how.seed, 1))
	mark := flow.Mark{Time: time.Unix(1000, 0).UTC()}
	for _, e := range t.events {
		if e.secret != nil && how.secrets == "live" {
			how.store.Add(e.secret)
		}
		if e.gap > 0 {
			layer.Gap(e.dir, uint64(e.gap), mark)
		}
		for b := e.b; len(b) > 0; {
			n := len(b)
			if how.chunk > 0 {
				n = min(n, 1+random.IntN(how.chunk))
			}
			mark.Frame++
			mark.Time = mark.Time.Add(time.Millisecond)
			segment := bytes.Clone(b[:n])
			layer.Data(e.dir, segment, mark)
			clear(segment) // the layer may not hold on to it
			b = b[n:]
		}
	}
	return mark
}

// dialogue is a TLS conversation over loopback TCP: the client sends request,
// the server answers with answer, both close. It returns the client's error.
func dialogue(t testing.TB, client, server *tls.Config, request, answer []byte) (*tlsTape, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var done sync.WaitGroup
	done.Go(func() { answerOnce(l, server, len(request), answer) })
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tape := &tlsTape{}
	client = client.Clone()
	client.KeyLogWriter = tape
	c := tls.Client(&tapedConn{raw, tape}, client)
	err = converse(c, request, len(answer))
	c.Close()
	raw.Close()
	done.Wait()
	return tape, err
}

func answerOnce(l net.Listener, config *tls.Config, want int, answer []byte) {
	raw, err := l.Accept()
	if err != nil {
		return
	}
	defer raw.Close()
	c := tls.Server(raw, config)
	if _, err := io.ReadFull(c, make([]byte, want)); err != nil {
		io.Copy(io.Discard, raw) // let the client see the alert
		return
	}
	c.Write(answer)
	c.CloseWrite()
	io.Copy(io.Discard, c)
}

func converse(c *tls.Conn, request []byte, want int) error {
	if err := c.Handshake(); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err == nil && len(got) != want {
		return errors.New("short answer")
	}
	return err
}

// testCertificate makes a self-signed certificate for mod.test.
func testCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x1234ab), Subject: pkix.Name{CommonName: "mod.test", Organization: []string{"Lab"}},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(4000000000, 0),
		DNSNames: []string{"mod.test", "*.mod.test"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1).To4()},
		BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// configs are a client and a server that get along.
func configs(t testing.TB) (client, server *tls.Config) {
	cert, pool := testCertificate(t)
	client = &tls.Config{ServerName: "mod.test", RootCAs: pool, NextProtos: []string{"h2", "http/1.1"}}
	server = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	return client, server
}
