//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// site is a network with a module proxy in it.
type site struct {
	*network
	set    moduleSet
	dir    string // for what the runs leave behind
	self   string
	server *keeper
	proxy  string // URL
}

// caFile is the certificate that the client trusts.
func (s *site) caFile() string { return filepath.Join(s.dir, "ca.pem") }

// newSite makes a network and starts the module proxy in it.
func newSite(ctx context.Context, self, dir string, network func(context.Context, string) (*network, error), set moduleSet) (*site, error) {
	n, err := network(ctx, self)
	if err != nil {
		return nil, err
	}
	s := &site{network: n, set: set, dir: dir, self: self}
	if err := s.serve(ctx); err != nil {
		s.end()
		return nil, fmt.Errorf("module proxy: %w", err)
	}
	return s, nil
}

// serve starts the module proxy and waits until it is ready.
func (s *site) serve(ctx context.Context) error {
	cmd := s.servers.command(ctx, s.self, roleServe, "-listen", s.address+":0", "-ca", s.caFile(),
		"-count", strconv.Itoa(s.set.Count), "-bytes", strconv.Itoa(s.set.Bytes))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if s.server, err = keep(cmd); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil { // it ended: how says more
		return errors.Join(err, cmd.Wait(), ctx.Err())
	}
	s.proxy = "https://" + strings.TrimSpace(line)
	return nil
}

// end stops the proxy and takes the network away.
func (s *site) end() {
	if s.server != nil {
		s.server.end()
	}
	s.network.end()
}

// speed is what the path carries, in Mbit/s of response bodies: it downloads a
// few zips from inside the client's namespace and throws them away. A wrong
// figure here would mean that the load is not what its name says.
func (s *site) speed(ctx context.Context) (float64, error) {
	out, err := s.client.command(ctx, s.self, roleFetch, s.proxy, s.caFile(), strconv.Itoa(s.set.Count)).Output()
	if err != nil {
		return 0, fmt.Errorf("measure the path: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// fetch downloads the zips of a proxy one after the other and prints the speed
// in Mbit/s.
func fetch(args []string) error {
	if len(args) != 3 {
		return errors.New("fetch wants a URL, a certificate and a count")
	}
	client, err := trusting(args[1])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	start, total := time.Now(), int64(0)
	for i := range count {
		r, err := client.Get(args[0] + "/" + modulePath(i) + "/@v/" + moduleVersion + ".zip")
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err != nil {
			return err
		}
		total += n
	}
	fmt.Println(float64(total) * 8 / 1e6 / time.Since(start).Seconds())
	return nil
}

// trusting is a client that trusts one certificate.
func trusting(file string) (*http.Client, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: pool},
	}}, nil
}
