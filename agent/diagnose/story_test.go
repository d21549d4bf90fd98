package diagnose

import (
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// story builds a trace step by step; each step takes 10 ms. Its command is a
// go get that failed, its process go, with pid 7.
type story struct {
	t   *trace.Trace
	now time.Time
}

// sumDBKey is a GOSUMDB with a public key that can be read.
const sumDBKey = "sum.test+1bbf52ac+AQna/eDJM6spo2dFMve7I4pHmGBo5yOBDUR3d3nJQoj+"

func begin() *story {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &story{now: start, t: &trace.Trace{
		Command: &trace.Command{Argv: []string{"go", "get", "mod.test/hello@v1.0.0"}, ExitCode: new(1), StartedAt: start},
		Environment: &trace.Environment{
			GoEnv: map[string]trace.Setting{"GOPROXY": {Value: "https://u:secret@a.test", Origin: "environment"}, "GOSUMDB": {Value: sumDBKey}},
			Proxy: map[string]string{},
		},
		Processes: []*trace.Process{{PID: 7, Exe: "/usr/local/go/bin/go", TLS: "crypto/tls"}, {PID: 8, Exe: "/usr/lib/git-core/git-remote-https"}},
	}}
	return s
}

func (s *story) goproxy(list string) *story {
	s.t.Environment.GoEnv["GOPROXY"] = trace.Setting{Value: list, Origin: "environment"}
	return s
}

func (s *story) exit(code int) *story {
	s.t.Command.ExitCode = new(code)
	return s
}

func (s *story) interrupted() *story {
	s.t.Command.ExitCode, s.t.Command.Signal, s.t.Command.Interrupted = nil, "SIGINT", true
	return s
}

func (s *story) viaProxy() *story {
	s.t.Environment.Proxy["HTTPS_PROXY"] = "http://u:secret@proxy.test:3128"
	return s
}

func (s *story) step() time.Time {
	s.now = s.now.Add(10 * time.Millisecond)
	return s.now
}

// wait lets time pass, up to the end of the trace.
func (s *story) wait(d time.Duration) *story {
	s.now = s.now.Add(d)
	s.t.Command.Duration = trace.MillisOf(s.now.Sub(s.t.Command.StartedAt))
	return s
}

// lookup adds A and AAAA of a name; data is an address, an rcode, or "" for
// no answer.
func (s *story) lookup(name, data string) []*trace.Lookup {
	var list []*trace.Lookup
	at := s.step()
	for _, kind := range []string{"A", "AAAA"} {
		l := &trace.Lookup{
			ID: len(s.t.Lookups) + 1, PID: 7, Name: name, Type: kind, Server: "10.0.0.53:53", Transport: "udp",
			Attempts: 1, StartedAt: at, Frames: []int{1, 2},
		}
		switch {
		case strings.Contains(data, "."):
			l.RCode = "NOERROR"
			if kind == "A" {
				l.Answers = []trace.Answer{{Name: name, Type: "A", Data: data}}
			}
		case data != "":
			l.RCode = data
		}
		if data != "" {
			l.Duration, l.Replies = new(trace.Millis(3)), 1
		}
		s.t.Lookups = append(s.t.Lookups, l)
		list = append(list, l)
	}
	return list
}

// address is where a host of the stories is.
func address(host string) string {
	return map[string]string{
		"a.test": "10.0.0.1", "b.test": "10.0.0.2", "cdn.test": "10.0.0.3", "sum.test": "10.0.0.4",
		"git.test": "10.0.0.5", "proxy.test": "10.0.0.6",
	}[host]
}

// dial looks a host up and connects to it: made, and open until the end.
func (s *story) dial(host, port string) *trace.Connection {
	s.lookup(host, address(host))
	id := len(s.t.Connections) + 1
	c := &trace.Connection{
		ID: id, Stream: new(id - 1), PID: 7, Local: "10.9.9.9:40000", Remote: address(host) + ":" + port,
		StartedAt: s.step(), Connect: new(trace.Millis(1)), State: "S1", History: "ShADad", BytesSent: 1, Frames: []int{3, 4},
	}
	s.t.Connections = append(s.t.Connections, c)
	return c
}

// refused is a dial that ended otherwise.
func (s *story) failed(host, port, state, errno, icmp string) *trace.Connection {
	c := s.dial(host, port)
	c.Connect, c.State, c.Errno, c.ICMP = nil, state, errno, icmp
	return c
}

// hello adds a TLS layer whose ClientHello was sent.
func (s *story) hello(c *trace.Connection, name string) *trace.TLS {
	l := &trace.TLS{ServerName: name, StartedAt: s.step(), ClientHelloBytes: 1518, Frames: []int{5}}
	c.TLS = append(c.TLS, l)
	return l
}

// secure adds a TLS layer that was established and opened.
func (s *story) secure(c *trace.Connection, name string) *trace.TLS {
	l := s.hello(c, name)
	l.Version, l.Established, l.Decrypted = "TLS 1.3", true, true
	return l
}

// https connects to a host with TLS.
func (s *story) https(host string) *trace.Connection {
	c := s.dial(host, "443")
	s.secure(c, host)
	return c
}

// tunnel connects to the proxy and asks it for a host.
func (s *story) tunnel(authority string, status int, headers ...string) *trace.Connection {
	c := s.dial("proxy.test", "3128")
	s.request(c, "CONNECT", authority, status, headers...)
	if status != 0 {
		c.Tunnel = &trace.Tunnel{Protocol: "http-connect", Authority: authority, Status: status}
	}
	return c
}

func (s *story) request(c *trace.Connection, method, url string, status int, headers ...string) *trace.Request {
	r := &trace.Request{
		ID: len(s.t.Requests) + 1, Connection: c.ID, PID: c.PID, Protocol: "HTTP/1.1", Method: method, URL: url,
		Status: status, StartedAt: s.step(), ResponseComplete: status != 0, ResponseBytes: 9, Frames: []int{6, 7, 8},
		Timings: trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: -1, Wait: -1, Receive: -1},
	}
	r.SentAt = r.StartedAt
	if status != 0 {
		r.StatusText = statusText(status)
		r.AnsweredAt = s.step()
		r.EndedAt, r.LastByteAt = r.AnsweredAt, r.AnsweredAt
	} else {
		r.Error = "no answer"
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.ResponseHeaders = append(r.ResponseHeaders, trace.Header{Name: headers[i], Value: headers[i+1]})
	}
	s.t.Requests = append(s.t.Requests, r)
	return r
}

// get asks a host over TLS.
func (s *story) get(host, path string, status int, headers ...string) *trace.Request {
	return s.request(s.https(host), "GET", "https://"+host+path, status, headers...)
}

// ended closes a connection: by is local or remote, how closed or reset.
func (s *story) ended(c *trace.Connection, by, how string) {
	c.ClosedAt, c.ClosedBy = s.step(), by
	if how == "reset" {
		c.ResetBy, c.ClosedBy = by, ""
	}
}

// half makes an answer one whose body stopped.
func half(r *trace.Request) *trace.Request {
	r.ResponseComplete, r.ResponseBytes, r.Error = false, 10, "answer cut: got 10 of 100 bytes"
	r.ResponseHeaders = append(r.ResponseHeaders, trace.Header{Name: "Content-Length", Value: "100"})
	return r
}

// diagnosed runs everything on it.
func (s *story) diagnosed() *trace.Trace {
	if s.t.Command != nil {
		s.t.Command.Duration = trace.MillisOf(s.step().Sub(s.t.Command.StartedAt))
	}
	goproxy.Explain(s.t)
	Diagnose(s.t)
	return s.t
}

func alert(l *trace.TLS, by, description string) {
	l.Alert = &trace.Alert{SentBy: by, Level: "fatal", Description: description, Frame: 9}
}

// certificate returns one that is valid in the stories' time.
func certificate(names ...string) *trace.Certificate {
	return &trace.Certificate{
		Subject: "CN=leaf", Issuer: "CN=some authority", DNSNames: names,
		NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}
