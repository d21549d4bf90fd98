package lab

import (
	"crypto/tls"
	"io"
	"net/http"
	"time"
)

// storeFaults lists what is wrong with certificates and those who check them.
func storeFaults() []Fault {
	presents := func(c Certificate) func(*Setup) {
		return func(s *Setup) { s.At(GoProxyHost).Certificate = c }
	}
	failed := []string{GoProxyHost + ": handshake failed"}
	return []Fault{
		{Name: "tls-intercepted", Rule: "tls-intercepted", Hop: atGoProxy, About: "a product on the way opens TLS, and the client does not trust its authority",
			Setup: presents(Intercepted), Says: "certificate signed by unknown authority", Proof: failed},
		{Name: "tls-weak-key-or-sha1", Rule: "tls-weak-key-or-sha1", Hop: atGoProxy, About: "the certificate is signed with SHA-1",
			Setup: presents(SHA1Signed), Says: "insecure algorithm", Proof: failed},
		{Name: "tls-no-root-store", Rule: "tls-no-root-store", Hop: "host", About: "the client has no certificate authorities at all",
			Setup: func(s *Setup) { s.Env = []string{"SSL_CERT_FILE=/nonexistent/ca.pem", "SSL_CERT_DIR=/nonexistent"} },
			Says:  "certificate signed by unknown authority", Proof: failed},
		{Name: "tls-ca-rotated", Rule: "tls-ca-rotated", Hop: atGoProxy, About: "the authority has a new key, the client the old certificate",
			Setup: func(s *Setup) { s.OldRoot = true }, Says: "while trying to verify candidate authority certificate", Proof: failed},
		{Name: "clock-skew", Rule: "clock-skew", Hop: "host", About: "the clock of the client is a day behind those of all servers",
			Setup: func(s *Setup) {
				// Seen from a client whose clock is behind, everybody else's is ahead.
				s.Via, s.At(ProxyHost).Answer, s.At(GoProxyHost).Certificate = HTTPProxy, Dated(25*time.Hour), NotYetValid
			}, Says: "certificate has expired or is not yet valid", Proof: failed},
	}
}

// Dated gives answers a Date header that is ahead of the clock.
func Dated(ahead time.Duration) Answer {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			next.ServeHTTP(w, r)
		})
	}
}

// oddAnswers lists answers that are not what they say.
func oddAnswers() []Fault {
	answers := func(a Answer) func(*Setup) { return func(s *Setup) { s.At(GoProxyHost).Answer = a } }
	return []Fault{
		{Name: "h2-alpn-lie", Rule: "h2-alpn-lie", Hop: atGoProxy, About: "TLS agrees on HTTP/2, and then HTTP/1.1 is spoken",
			Setup: func(s *Setup) {
				s.At(GoProxyHost).HTTP2 = func(c *tls.Conn) { readHello(c); io.WriteString(c, blockPage) }
			}, Says: "looked like an HTTP/1.1 header", Proof: []string{GoProxyHost + ": h2"}},
		{Name: "https-on-http-url", Rule: "https-on-http-url", Hop: atGoProxy, About: "GOPROXY says http for a port where TLS is spoken",
			Setup: func(s *Setup) { s.GOPROXY = "http://" + GoProxyHost + ":443" }, Says: "400 Bad Request", Proof: []string{GoProxyHost + ": connection"}},
		{Name: "header-malformed", Rule: "header-malformed", Hop: atGoProxy, About: "the answer begins with a line that is no status line",
			Setup: func(s *Setup) {
				s.At(GoProxyHost).HTTP1, s.At(GoProxyHost).Answer = true, Verbatim("HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
			}, Says: "malformed HTTP", Proof: []string{GoProxyHost + ": request"}},
		{Name: "gzip-broken", Rule: "gzip-broken", Hop: atGoProxy, About: "the answer says gzip and is plain",
			Setup: answers(OnPath(".info", SaysGzip())), Says: "gzip: invalid header", Proof: []string{GoProxyHost + ": 200"}},
		{Name: "redirect-to-login", Rule: "redirect-to-login", Hop: "redirect:" + MirrorHost, About: "a portal redirects to its login page on another host",
			Setup: func(s *Setup) {
				s.At(GoProxyHost).Answer, s.At(MirrorHost).Answer = Portal("https://"+MirrorHost+"/login"), Page("text/html", portal)
			}, Says: "invalid character '<'", Proof: []string{GoProxyHost + ": 302", MirrorHost + ": 200"}},
		{Name: "checksum-mismatch", Rule: "checksum-mismatch", Hop: atGoProxy, About: "the module proxy serves another go.mod than the checksum database knows",
			Setup: answers(OnPath(".mod", Page("text/plain", "module mod.test/hello\n\ngo 1.22\n"))), Says: "SECURITY ERROR", Proof: fetched()},
		{Name: "proxy-wrong-version", Rule: "proxy-wrong-version", Hop: atGoProxy, About: "the module proxy answers about another version",
			Setup: answers(OnPath(".info", Page("application/json", `{"Version":"v9.9.9"}`))), Says: "returned info for version v9.9.9", Proof: []string{GoProxyHost + ": 200"}},
	}
}

// Portal redirects every request to one page.
func Portal(page string) Answer {
	return func(http.Handler) http.Handler { return http.RedirectHandler(page, http.StatusFound) }
}

// SaysGzip gives the healthy answer a Content-Encoding that it does not have.
func SaysGzip() Answer {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			next.ServeHTTP(w, r)
		})
	}
}

// Verbatim answers with these bytes and closes the connection; HTTP/1.1 only.
func Verbatim(answer string) Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			io.WriteString(conn, answer)
		})
	}
}
