package lab

import (
	"net/http"
	"strconv"
	"time"
)

// After gives an answer after a time.
func After(d time.Duration, a Answer) Answer {
	return func(next http.Handler) http.Handler {
		late := a(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
			late.ServeHTTP(w, r)
		})
	}
}

// Drip sends the healthy answer's body in pieces, one each pause.
func Drip(pieces int, pause time.Duration) Answer {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept := &kept{header: make(http.Header), status: http.StatusOK}
			next.ServeHTTP(kept, r)
			for name, values := range kept.header {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(kept.body)))
			w.WriteHeader(kept.status)
			size := len(kept.body)/pieces + 1
			for body := kept.body; len(body) > 0; body = body[min(size, len(body)):] {
				w.Write(body[:min(size, len(body))])
				http.NewResponseController(w).Flush()
				time.Sleep(pause)
			}
		})
	}
}

// slowFaults lists what works and takes too long.
func slowFaults() []Fault {
	return []Fault{
		{Name: "dead-first-with-pipe", Rule: "dead-first-with-pipe", Hop: "goproxy:" + MirrorHost, About: "each request first waits for a module proxy that answers 503 after a second",
			Setup: func(s *Setup) {
				s.GOPROXY = "https://" + MirrorHost + "|https://" + GoProxyHost
				s.At(MirrorHost).Answer = After(time.Second, Status(503))
			}, Slow: true, Proof: fetched(MirrorHost + ": 503")},
		{Name: "body-drip", Rule: "body-drip", Hop: atCDN, About: "a scanner lets the zip through byte by byte",
			Setup: func(s *Setup) { s.At(CDNHost).Answer = Drip(20, 200*time.Millisecond) }, Slow: true, Proof: fetched()},
	}
}
