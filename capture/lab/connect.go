package lab

import (
	"context"
	"crypto/subtle"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
)

// Ports of the proxy, by kind.
const (
	httpProxyPort  = 3128
	httpsProxyPort = 3129
	socksPort      = 1080
)

// The credentials that a proxy with Setup.Auth demands.
const (
	proxyUser     = "lab"
	proxyPassword = "secret"
)

// serveProxy starts the proxy of the setup, if it has one.
func (l *Lab) serveProxy() error {
	switch l.setup.Via {
	case HTTPProxy:
		return l.servePlain(ProxyHost, httpProxyPort, l.newConnectProxy())
	case HTTPSProxy:
		return l.serveHTTPS(ProxyHost, httpsProxyPort, l.newConnectProxy())
	case SOCKS5:
		return l.serveSOCKS()
	default:
		return nil
	}
}

// proxyURL is the proxy as the client's environment names it; empty if there
// is none.
func (s *Setup) proxyURL() string {
	u := url.URL{}
	switch s.Via {
	case HTTPProxy:
		u.Scheme, u.Host = "http", net.JoinHostPort(ProxyHost, strconv.Itoa(httpProxyPort))
	case HTTPSProxy:
		u.Scheme, u.Host = "https", net.JoinHostPort(ProxyHost, strconv.Itoa(httpsProxyPort))
	case SOCKS5:
		u.Scheme, u.Host = "socks5", net.JoinHostPort(ProxyHost, strconv.Itoa(socksPort))
	default:
		return ""
	}
	if s.Auth && !s.NoCredentials {
		u.User = url.UserPassword(proxyUser, proxyPassword)
	}
	return u.String()
}

// connectProxy is an HTTP proxy: CONNECT (RFC 9110 section 9.3.6) and requests
// in absolute-form (RFC 9112 section 3.2.2).
type connectProxy struct {
	lab     *Lab
	forward http.Handler
}

// newConnectProxy makes the proxy with the setup's Answer, both behind the
// check of credentials if the setup wants one.
func (l *Lab) newConnectProxy() http.Handler {
	var h http.Handler = &connectProxy{lab: l, forward: &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = p.In.URL, p.In.Host
		},
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return l.dial(ctx, addr)
		}},
	}}
	h = l.answering(ProxyHost, h)
	if l.setup.Auth {
		h = demandBasic(h)
	}
	return h
}

// demandBasic answers 407 to requests without the lab's credentials.
func demandBasic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// RFC 9110 section 11.7: as Authorization, under another name.
		asOrigin := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		user, password, ok := asOrigin.BasicAuth()
		if !ok || !sameSecret(user, proxyUser) || !sameSecret(password, proxyPassword) {
			w.Header().Set("Proxy-Authenticate", `Basic realm="gopx-trace lab"`)
			http.Error(w, "credentials wanted", http.StatusProxyAuthRequired)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameSecret compares in constant time.
func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// ServeHTTP implements [http.Handler].
func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		p.connect(w, r)
	case r.URL.IsAbs():
		p.forward.ServeHTTP(w, r)
	default:
		http.Error(w, "this is a proxy", http.StatusBadRequest)
	}
}

// connect opens a tunnel to the authority of the request.
func (p *connectProxy) connect(w http.ResponseWriter, r *http.Request) {
	origin, err := p.lab.dial(r.Context(), r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer origin.Close()
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	p.lab.counts.add(ProxyHost, "tunnel")
	// What the server has read ahead belongs to the tunnel.
	p.lab.splice(client, buffered.Reader, origin)
}

// splice copies both ways until both sides have ended or the lab closes.
// fromClient reads what client sends.
func (l *Lab) splice(client net.Conn, fromClient io.Reader, origin net.Conn) {
	stop := context.AfterFunc(l.ctx, func() {
		client.Close()
		origin.Close()
	})
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { copyAndShut(origin, fromClient) })
	wg.Go(func() { copyAndShut(client, origin) })
	wg.Wait()
}

// copyAndShut copies until src ends and passes its end on to dst.
func copyAndShut(dst net.Conn, src io.Reader) {
	_, err := io.Copy(dst, src)
	if half, ok := dst.(interface{ CloseWrite() error }); ok && err == nil {
		half.CloseWrite()
		return
	}
	dst.Close()
}

// connSet is a set of open connections.
type connSet struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	shut bool
}

// add puts a connection into the set; it is closed at once if the set is.
func (s *connSet) add(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		c.Close()
		return
	}
	if s.open == nil {
		s.open = make(map[net.Conn]struct{})
	}
	s.open[c] = struct{}{}
}

// remove closes a connection and takes it out of the set.
func (s *connSet) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	c.Close()
}

// closeAll closes the connections of the set and those added later.
func (s *connSet) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	for c := range s.open {
		c.Close()
	}
}
