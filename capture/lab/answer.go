package lab

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Status answers every request with a status and a text that names it.
func Status(status int) Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, http.StatusText(status), status)
		})
	}
}

// Silence takes requests and never answers, until the client gives up.
func Silence() Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})
	}
}

// Hangup takes requests and closes the connection (HTTP/1.1) or resets the
// stream (HTTP/2) without an answer.
func Hangup() Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// RedirectLoop redirects every request to the same path.
func RedirectLoop() Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		})
	}
}

// RedirectTo redirects every request to the same path below a URL.
func RedirectTo(base string) Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, base+r.URL.EscapedPath(), http.StatusFound)
		})
	}
}

// Challenge answers every request with a status that wants credentials; header
// has the challenges (RFC 9110, section 11.3).
func Challenge(status int, header string, challenges ...string) Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()[header] = challenges
			http.Error(w, http.StatusText(status), status)
		})
	}
}

// Page answers every request with status 200 and a body of a media type, as a
// captive portal does.
func Page(mediaType, body string) Answer {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			io.WriteString(w, body)
		})
	}
}

// Truncate sends the header of the healthy answer and half of its body, then
// ends the connection (HTTP/1.1) or the stream (HTTP/2).
func Truncate() Answer { return half(func(http.ResponseWriter, *http.Request) {}) }

// Cut sends the header of the healthy answer and half of its body, then closes
// the connection (HTTP/1.1) or resets the stream (HTTP/2).
func Cut() Answer {
	return half(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Stall sends the header of the healthy answer and half of its body, and then
// nothing until the client gives up.
func Stall() Answer {
	return half(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// ResetBody sends the header of the healthy answer and half of its body, then
// resets the connection. It is for HTTP/1.1.
func ResetBody() Answer { return half(func(w http.ResponseWriter, _ *http.Request) { resetUnder(w) }) }

// resetUnder closes the TCP connection of an answer so that its peer gets RST.
func resetUnder(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // a close_notify would come before the RST
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// half sends half of the healthy body and calls then.
func half(then func(http.ResponseWriter, *http.Request)) Answer {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept := &kept{header: make(http.Header), status: http.StatusOK}
			next.ServeHTTP(kept, r)
			for name, values := range kept.header {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(kept.body)))
			w.WriteHeader(kept.status)
			w.Write(kept.body[:len(kept.body)/2])
			http.NewResponseController(w).Flush()
			then(w, r)
		})
	}
}

// kept is an answer kept in memory.
type kept struct {
	header http.Header
	status int
	body   []byte
}

// Header implements [http.ResponseWriter].
func (k *kept) Header() http.Header { return k.header }

// WriteHeader implements [http.ResponseWriter].
func (k *kept) WriteHeader(status int) { k.status = status }

// Write implements [http.ResponseWriter].
func (k *kept) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return len(p), nil
}

// OnPath limits an answer to requests whose path contains part.
func OnPath(part string, a Answer) Answer {
	return when(func(r *http.Request) bool { return strings.Contains(r.URL.Path, part) }, a)
}

// OnHost limits a proxy's answer to requests and CONNECTs for a host.
func OnHost(host string, a Answer) Answer {
	return when(func(r *http.Request) bool {
		name, _, err := net.SplitHostPort(r.Host)
		return r.Host == host || err == nil && name == host
	}, a)
}

// when limits an answer to the requests that match.
func when(match func(*http.Request) bool, a Answer) Answer {
	return func(next http.Handler) http.Handler {
		broken := a(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) {
				broken.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Raw is what a server does with accepted connections in place of TLS and
// HTTP. The connection is closed after it.
type Raw func(net.Conn)

// rawPatience is how long a raw server waits for the client's first bytes, and
// how long a silent one stays silent.
const rawPatience = 10 * time.Minute

// maxHello bounds what a raw server reads of a client's first flight.
const maxHello = 16 << 10

// readHello waits for the client's first bytes and reads until they pause, so
// that none of a ClientHello's segments is left unread: closing a socket with
// unread bytes sends RST, which is not what every raw server means.
func readHello(conn net.Conn) {
	buf := make([]byte, maxHello)
	conn.SetReadDeadline(time.Now().Add(rawPatience))
	const pause = 50 * time.Millisecond
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
		conn.SetReadDeadline(time.Now().Add(pause))
	}
}

// ResetAfterHello answers the ClientHello with a RST whose TTL is not that of
// the handshake before, as a box between does that dislikes the server name.
func ResetAfterHello() Raw {
	const otherTTL = 57
	return func(conn net.Conn) {
		readHello(conn)
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return
		}
		if raw, err := tcp.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) {
				// Only one of the two fits the socket's family.
				unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, otherTTL)
				unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, otherTTL)
			})
		}
		tcp.SetLinger(0)
	}
}

// FinAfterHello closes the connection after the ClientHello.
func FinAfterHello() Raw { return readHello }

// SilentAfterHello takes the ClientHello and stays silent until the client
// gives up.
func SilentAfterHello() Raw {
	return func(conn net.Conn) {
		conn.SetReadDeadline(time.Now().Add(rawPatience))
		io.Copy(io.Discard, conn)
	}
}

// TLS alerts of [AlertAfterHello] (RFC 8446, section 6.2).
const (
	unexpectedMessage = 10
	accessDenied      = 49
	unrecognizedName  = 112
)

// AlertAfterHello answers the ClientHello with a fatal alert and closes the
// connection, as a filter or a front end for other names does.
func AlertAfterHello(description byte) Raw {
	const alert, fatal = 21, 2 // RFC 8446, sections 5.1 and 6
	return Speak(string([]byte{alert, 3, 3, 0, 2, fatal, description}))
}

// AnswerTLS11 answers the ClientHello with a ServerHello of TLS 1.1, whatever
// versions the client knows (RFC 4346, section 7.4.1.3).
func AnswerTLS11() Raw {
	const handshake, serverHello, suite = 22, 2, 0x0a  // TLS_RSA_WITH_3DES_EDE_CBC_SHA
	hello := append([]byte{3, 2}, make([]byte, 32)...) // version, random
	hello = append(hello, 0, 0, suite, 0)              // no session, suite, no compression
	message := append([]byte{serverHello, 0, 0, byte(len(hello))}, hello...)
	return Speak(string(append([]byte{handshake, 3, 2, 0, byte(len(message))}, message...)))
}

// Speak answers the client's first bytes with a text that is no TLS.
func Speak(text string) Raw {
	return func(conn net.Conn) {
		readHello(conn)
		io.WriteString(conn, text)
	}
}

// rawListener hands accepted connections to a Raw; its Accept returns only
// the error that ends it, so that the server behind it sees no connection.
type rawListener struct {
	net.Listener
	raw   Raw
	count func()
	open  connSet
}

// Accept implements [net.Listener].
func (r *rawListener) Accept() (net.Conn, error) {
	for {
		conn, err := r.Listener.Accept()
		if err != nil {
			r.open.closeAll()
			return nil, err
		}
		r.count()
		r.open.add(conn)
		go func() {
			defer r.open.remove(conn)
			r.raw(conn)
		}()
	}
}

// Unchanged is the healthy answer.
func Unchanged() Answer { return func(next http.Handler) http.Handler { return next } }

// whenAgent gives the answer to programs whose User-Agent begins so.
func whenAgent(prefix string, a Answer) Answer {
	return when(func(r *http.Request) bool { return strings.HasPrefix(r.UserAgent(), prefix) }, a)
}
