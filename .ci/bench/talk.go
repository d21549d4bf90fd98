//go:build linux

package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
)

// dialect is a way to speak HTTPS.
type dialect struct {
	name  string
	http2 bool
	// version is that of TLS. suite is the one of TLS 1.2; that of TLS 1.3 is
	// the library's choice, which is ChaCha20 where the processor has no AES.
	version, suite uint16
	withoutAES     bool
}

// dialects lists what a capture is made of, in equal parts.
func dialects() []dialect {
	return []dialect{
		{name: "HTTP/1.1, TLS 1.2 AES-128-GCM", version: tls.VersionTLS12, suite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		{name: "HTTP/2, TLS 1.2 AES-256-GCM", http2: true, version: tls.VersionTLS12, suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		{name: "HTTP/2, TLS 1.2 ChaCha20", http2: true, version: tls.VersionTLS12, suite: tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
		{name: "HTTP/1.1, TLS 1.2 AES-128-CBC", version: tls.VersionTLS12, suite: tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		{name: "HTTP/1.1, TLS 1.3 AES-GCM", version: tls.VersionTLS13},
		{name: "HTTP/2, TLS 1.3 AES-GCM", http2: true, version: tls.VersionTLS13},
		{name: "HTTP/2, TLS 1.3 AES-GCM, again", http2: true, version: tls.VersionTLS13},
		{name: "HTTP/2, TLS 1.3 ChaCha20", http2: true, version: tls.VersionTLS13, withoutAES: true},
	}
}

// conversations is how much there is in a capture: connections of each
// dialect, and on each of them so many small answers and one of the longest
// length, in bytes.
type conversations struct{ connections, small, longest int }

// The answers on one connection: small ones, as of the .info and .mod files, and
// a few long ones.
const (
	smallAnswer               = 800
	largeAnswers, largeAnswer = 20, 50 << 10
	zipAnswers, zipAnswer     = 3, 1 << 20
	longestAnswer             = 8 << 20
)

// sizes are the bytes of the answers on one connection.
func (c conversations) sizes() []int {
	var sizes []int
	for _, s := range [][2]int{{c.small, smallAnswer}, {largeAnswers, largeAnswer}, {zipAnswers, zipAnswer}} {
		for i := range s[0] {
			sizes = append(sizes, s[1]+i)
		}
	}
	return append(sizes, c.longest)
}

// megabytes are conversations with n MB, or a little more.
func megabytes(n, small int) conversations {
	c := conversations{small: small, longest: longestAnswer}
	total := 0
	for _, size := range c.sizes() {
		total += size
	}
	total *= len(dialects())
	c.connections = (n*1e6 + total - 1) / total
	return c
}

// talk holds conversations in one dialect and appends their packets to a
// capture file. It prints an [answered] for each answer.
func talk(args []string) error {
	f := flag.NewFlagSet(roleTalk, flag.ContinueOnError)
	file := f.String("file", "", "capture file")
	keys := f.String("keys", "", "key log")
	number := f.Int("dialect", 0, "the one to speak")
	var c conversations
	f.IntVar(&c.connections, "connections", 1, "how many, two at a time")
	f.IntVar(&c.small, "small", 1, "small answers on each")
	f.IntVar(&c.longest, "longest", longestAnswer, "bytes of the longest answer")
	if err := f.Parse(args); err != nil {
		return err
	}
	t := &talker{dialect: dialects()[*number], number: *number, conversations: c, noise: noise(*number, 2*c.longest)}
	for name, to := range map[string]**os.File{*file: &t.file, *keys: &t.keys} {
		var err error
		if *to, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return err
		}
	}
	return cmp.Or(t.talk(), t.file.Close(), t.keys.Close())
}

// talker is a client and a server.
type talker struct {
	dialect
	conversations
	number     int
	noise      []byte
	file, keys *os.File
	tape       *tape
	server     *httptest.Server
	print      sync.Mutex
}

// talk holds the conversations.
func (t *talker) talk() error {
	var err error
	if t.tape, err = newTape(t.file, t.number); err != nil {
		return err
	}
	t.server = httptest.NewUnstartedServer(t)
	t.server.EnableHTTP2 = t.http2
	t.server.TLS = &tls.Config{MaxVersion: t.version}
	if t.suite != 0 {
		t.server.TLS.CipherSuites = []uint16{t.suite}
	}
	t.server.StartTLS()
	defer t.server.Close()
	out := bufio.NewWriter(os.Stdout)
	errs := make([]error, 2)
	var both sync.WaitGroup
	for first := range errs {
		both.Go(func() {
			for i := first; i < t.connections && errs[first] == nil; i += len(errs) {
				errs[first] = t.connection(i, out)
			}
		})
	}
	both.Wait()
	return cmp.Or(errs[0], errs[1], out.Flush(), t.tape.close())
}

// part is what the server answers with n bytes.
func (t *talker) part(n int) []byte { return t.noise[n%t.longest:][:n] }

// ServeHTTP implements [http.Handler]. Every third answer does not announce
// its length.
func (t *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n > t.longest {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType(r.URL.Path))
	if n%3 > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(n))
	}
	_, _ = w.Write(t.part(n)) // the client's business
}

// connection asks for all answers on one connection, over HTTP/2 some at a
// time.
func (t *talker) connection(number int, out io.Writer) error {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, KeyLogWriter: t.keys, MaxVersion: t.version}, //nolint:gosec // our own server
		ForceAttemptHTTP2: t.http2, MaxConnsPerHost: 1, DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, t.server.Listener.Addr().String())
			return t.tape.wire(c, number), err
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	sizes := make(chan int)
	errs := make([]error, 1)
	if t.http2 {
		errs = make([]error, 4)
	}
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for n := range sizes {
				if err := t.ask(client, number, n, out); err != nil {
					errs[i] = err
				}
			}
		})
	}
	for _, n := range t.sizes() {
		sizes <- n
	}
	close(sizes)
	all.Wait()
	return cmp.Or(errs...)
}

// ask makes one request.
func (t *talker) ask(client *http.Client, connection, n int, out io.Writer) error {
	a := answered{URL: fmt.Sprintf("https://%s/%d/%d/%d.zip?n=%d", moduleHost, t.number, connection, n, n)}
	r, err := client.Get(a.URL)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	sum := sha256.New()
	got, err := io.Copy(sum, r.Body)
	if err != nil || int(got) != n {
		return fmt.Errorf("%s: %d bytes: %w", a.URL, got, err)
	}
	a.Bytes, a.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	t.print.Lock()
	defer t.print.Unlock()
	_, err = out.Write(append(line, '\n'))
	return err
}
