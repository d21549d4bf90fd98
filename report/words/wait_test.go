package words

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestWaiting(t *testing.T) {
	at := time.Unix(1_700_000_100, 0)
	for _, tt := range []struct {
		w    trace.Wait
		want string
	}{
		{trace.Wait{For: trace.WaitLookup, Hop: "resolver", Host: "10.0.0.53", Address: "10.0.0.53:53", About: "A go.test", Attempts: 2},
			"waiting for the answer of the resolver 10.0.0.53:53 to A go.test, asked 2 times (resolver, since 38 s)"},
		{trace.Wait{For: trace.WaitConnect, Hop: "goproxy:go.test", Host: "go.test", Address: "10.0.0.1:443", Retransmits: 3},
			"waiting for the SYN-ACK of go.test (10.0.0.1:443), SYN sent 4 times, no reset (goproxy:go.test, since 38 s)"},
		{trace.Wait{For: trace.WaitConnect, Hop: "vcs:10.0.0.1", Host: "10.0.0.1", Address: "10.0.0.1:443"},
			"waiting for the SYN-ACK of 10.0.0.1, SYN sent 1 time, no reset (vcs:10.0.0.1, since 38 s)"},
		{trace.Wait{For: trace.WaitTunnel, Hop: "http-proxy:proxy.test", Host: "proxy.test", Address: "10.0.0.3:3128", About: "CONNECT go.test:443"},
			"waiting for the answer of the proxy proxy.test (10.0.0.3:3128) to CONNECT go.test:443, no reset (http-proxy:proxy.test, since 38 s)"},
		{trace.Wait{For: trace.WaitServerHello, Hop: "http-proxy:proxy.test", Host: "go.test", Address: "10.0.0.3:3128", Via: "proxy.test:3128", TunnelStatus: 200},
			"waiting for the ServerHello of go.test through proxy.test:3128, CONNECT answered 200, ClientHello acknowledged, no reset (http-proxy:proxy.test, since 38 s)"},
		{trace.Wait{For: trace.WaitServerHello, Hop: "goproxy:go.test", Host: "go.test", Address: "10.0.0.1:443", Retransmits: 2},
			"waiting for the ServerHello of go.test (10.0.0.1:443), 2 segments sent again, no reset (goproxy:go.test, since 38 s)"},
		{trace.Wait{For: trace.WaitHandshake, Hop: "goproxy:go.test", Host: "go.test", Via: "socks.test:1080"},
			"waiting for the TLS handshake with go.test through socks.test:1080 to go on, no reset (goproxy:go.test, since 38 s)"},
		{trace.Wait{For: trace.WaitAnswer, Hop: "sumdb:sum.test", Host: "sum.test", Address: "10.0.0.4:443", About: "GET https://sum.test/lookup/m@v1"},
			"waiting for the answer of sum.test (10.0.0.4:443) to GET https://sum.test/lookup/m@v1, request acknowledged, no reset (sumdb:sum.test, since 38 s)"},
		{trace.Wait{For: trace.WaitBody, Hop: "redirect:cdn.test", Host: "cdn.test", Address: "10.0.0.5:443", About: "GET https://cdn.test/z", Got: 213, Length: "427"},
			"waiting for the rest of the answer of cdn.test (10.0.0.5:443) to GET https://cdn.test/z: got 213 of 427 bytes (redirect:cdn.test, since 38 s)"},
	} {
		tt.w.Since = at.Add(-38 * time.Second)
		if got := Waiting(&tt.w, at, English); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 5400 * time.Millisecond: "5 s", 119 * time.Second: "119 s", 125 * time.Second: "2 min 5 s",
	} {
		if got := Elapsed(d, English); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestRunningProcess(t *testing.T) {
	at := time.Unix(1_700_000_100, 0)
	for want, argv := range map[string][]string{
		"go get (pid 7) runs since 4 s": {"go", "get", "m@v1"},
		"go (pid 7) runs since 4 s":     {"go", "https://u:secret@host.test/"},
	} {
		p := &trace.Process{PID: 7, Exe: "/usr/bin/go", Argv: argv, StartedAt: at.Add(-4 * time.Second)}
		if got := RunningProcess(p, at, English); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
