package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// headerPatience is how long a server waits for a request's header.
const headerPatience = 2 * time.Minute

// serveOrigins starts the module proxies, the CDN, the database and git.
func (l *Lab) serveOrigins() error {
	repositories := l.buildRepositories()
	relay := http.Handler(l.sums)
	if l.setup.NoSumDBRelay {
		relay = nil
	}
	proxy := &moduleProxy{catalog: l.catalog, zipHost: CDNHost, sumdb: relay}
	for host, h := range map[string]http.Handler{
		GoProxyHost: proxy,
		MirrorHost:  proxy,
		CDNHost:     &moduleProxy{catalog: l.catalog},
		SumDBHost:   l.sums,
		GitHost:     &gitHost{repositories: repositories},
	} {
		if err := l.serveHTTPS(host, 443, l.answering(host, h)); err != nil {
			return err
		}
	}
	return l.servePlain(GoProxyHost, 80, l.answering(GoProxyHost, proxy))
}

// answering puts the setup's Answer for a host before its handler.
func (l *Lab) answering(host string, h http.Handler) http.Handler {
	if answer := l.setup.server(host).Answer; answer != nil {
		return answer(h)
	}
	return h
}

// serveHTTPS serves a handler over TLS on a port of a host, with what the
// setup says of the host.
func (l *Lab) serveHTTPS(host string, port uint16, h http.Handler) error {
	s := l.setup.server(host)
	cert, err := l.authority.certificate(host, l.Addrs(host), s.Certificate)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", host, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: s.MaxTLS}
	if s.TLS != nil {
		s.TLS(config)
	}
	srv := l.newServer(host, h)
	srv.TLSConfig = config
	if s.HTTP2 != nil {
		srv.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
			"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { l.takeOver(host, conn, s.HTTP2) },
		}
	}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	// The go command offers h2 to a proxy but speaks HTTP/1.1 to it.
	srv.Protocols.SetHTTP2(!s.HTTP1 && host != ProxyHost)
	return l.serve(host, port, func(ln net.Listener) { srv.ServeTLS(ln, "", "") }, srv.Close)
}

// servePlain serves a handler over TCP on a port of a host.
func (l *Lab) servePlain(host string, port uint16, h http.Handler) error {
	srv := l.newServer(host, h)
	return l.serve(host, port, func(ln net.Listener) { srv.Serve(ln) }, srv.Close)
}

// newServer is the HTTP server of a host, which counts.
func (l *Lab) newServer(host string, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           &counted{host: host, counts: &l.counts, next: h},
		ErrorLog:          log.New(&handshakeLog{host: host, counts: &l.counts}, "", 0),
		ReadHeaderTimeout: headerPatience,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				l.counts.add(host, "connection")
			}
		},
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
		BaseContext: func(net.Listener) context.Context { return l.ctx },
	}
}

// serve runs loop on listeners for all addresses of a host, in the state that
// the setup gives the host's ports; stop ends the loops.
func (l *Lab) serve(host string, port uint16, loop func(net.Listener), stop func() error) error {
	s := l.setup.server(host)
	if s.Port == Closed || s.Way != OnLink {
		return nil
	}
	for _, addr := range l.Addrs(host) {
		ln, err := l.listen(netip.AddrPortFrom(addr, port), s.Port == Dropping)
		if err != nil {
			return err
		}
		if err := onSocket(ln, s.mark); err != nil {
			return errors.Join(err, ln.Close())
		}
		l.onClose(func() error { return closed(ln.Close()) })
		if s.Port == Dropping {
			l.counts.watch(func() (string, int) { return host + ": SYN dropped", listenerDrops(ln) })
		}
		if s.Filter != nil {
			filtered := &filteredListener{Listener: ln}
			l.counts.watch(func() (string, int) { return host + ": packet dropped", filtered.drops() })
			ln = filtered
		}
		if s.Raw != nil {
			ln = &rawListener{Listener: ln, raw: s.Raw, count: func() { l.counts.add(host, "raw") }}
		}
		l.loops.Go(func() { loop(ln) })
	}
	l.onClose(func() error { return closed(stop()) })
	return nil
}

// listen opens a TCP listener in the servers' namespace. With dropping, the
// kernel discards whatever arrives for it, unanswered, and counts it.
func (l *Lab) listen(at netip.AddrPort, dropping bool) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // socket filters are for plain TCP only
	if dropping {
		lc.Control = func(_, _ string, c syscall.RawConn) error {
			var serr error
			err := c.Control(func(fd uintptr) { serr = dropAll(int(fd)) })
			return errors.Join(err, serr)
		}
	}
	var ln net.Listener
	err := l.servers.do(func() (err error) {
		ln, err = lc.Listen(l.ctx, "tcp", at.String())
		return err
	})
	return ln, err
}

// dropAll attaches a socket filter that lets nothing pass. Unlike a rule of a
// firewall it needs no kernel module, and tcp_v4_rcv asks it before anything
// is answered.
func dropAll(fd int) error {
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]})
}

// listenerDrops reads the kernel's drop counter of a listener.
func listenerDrops(ln net.Listener) (n int) {
	sc, ok := ln.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	if raw.Control(func(fd uintptr) { n = dropsOf(fd) }) != nil {
		return 0
	}
	return n
}

// dial connects to a lab host from within the servers' namespace, as the
// lab's proxies do. The name is looked up in the lab's table.
func (l *Lab) dial(ctx context.Context, authority string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		return nil, err
	}
	addrs := l.Addrs(strings.ToLower(host))
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	}
	err = fmt.Errorf("no such host: %s", host)
	for _, a := range addrs {
		var conn net.Conn
		if conn, err = l.dialAddr(ctx, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// dialAddr connects to an address in the servers' namespace.
func (l *Lab) dialAddr(ctx context.Context, addr string) (conn net.Conn, err error) {
	err = l.servers.do(func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", addr)
		return err
	})
	return conn, err
}

// closed forgets that something was closed already.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// counted counts a host's requests and how they were answered.
type counted struct {
	host   string
	counts *counts
	next   http.Handler
}

// ServeHTTP implements [http.Handler].
func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.counts.add(c.host, "request")
	c.counts.add(c.host, "unanswered") // until it is
	c.next.ServeHTTP(&countedWriter{ResponseWriter: w, counted: c}, r)
}

// countedWriter notes the status that is sent first.
type countedWriter struct {
	http.ResponseWriter
	counted  *counted
	answered bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *countedWriter) WriteHeader(status int) {
	if !w.answered && status >= 200 {
		w.answered = true
		w.counted.counts.change(w.counted.host, "unanswered", -1)
		w.counted.counts.add(w.counted.host, fmt.Sprint(status))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *countedWriter) Write(p []byte) (int, error) {
	if !w.answered {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// handshakeLog counts the TLS handshakes that failed. [http.Server] tells of
// them in its error log only.
type handshakeLog struct {
	host   string
	counts *counts
}

// Write implements [io.Writer] for one line of the log.
func (h *handshakeLog) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "TLS handshake error") {
		h.counts.add(h.host, "handshake failed")
	}
	return len(line), nil
}
