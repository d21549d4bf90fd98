package report

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// sample is a trace with a secret in every place where one can stand.
func sample() *trace.Trace {
	at := time.Date(2026, 11, 22, 18, 0, 0, 123456789, time.UTC)
	code, stream := 1, 0
	return &trace.Trace{
		Schema: trace.Schema,
		Command: &trace.Command{
			Argv:     []string{"go", "get", "https://ann:s3cretpw@git.test/x"},
			ExitCode: &code, StartedAt: at, Duration: 1500,
		},
		Environment: &trace.Environment{
			GoVersion: "go1.26.8",
			GoEnv:     map[string]trace.Setting{"GOPROXY": {Value: "https://u:goproxypw@goproxy.test,direct", Origin: "environment"}},
			Proxy:     map[string]string{"HTTPS_PROXY": "http://ann:p%40ssw0rd@proxy.test:3128"},
		},
		Connections: []*trace.Connection{{
			ID: 1, Stream: &stream, Local: "10.0.0.1:40000", Remote: "10.0.0.2:3128", StartedAt: at, State: "SF", History: "ShADadFf",
			Tunnel: &trace.Tunnel{Protocol: "http-connect", Authority: "cdn.test:443", Status: 403, StatusText: "Forbidden"},
		}},
		Requests: []*trace.Request{{
			ID: 1, Connection: 1, Protocol: "HTTP/1.1", Method: "GET", URL: "https://cdn.test/x.zip?X-Sig-Token=tok3nvalue&v=1", Purpose: "zip", StartedAt: at,
			Headers: []trace.Header{
				{Name: "Proxy-Authorization", Value: "Basic YW5uOnBAc3N3MHJk"},
				{Name: "Authorization", Value: "Bearer eyJhbGciOi.J9"},
				{Name: "Cookie", Value: "sid=c00kievalue"},
				{Name: "PRIVATE-TOKEN", Value: "glpat-12345678"},
				{Name: "Accept-Encoding", Value: "gzip"},
			},
			ResponseHeaders: []trace.Header{
				{Name: "Location", Value: "https://store.test/x?Signature=sign4ture"},
				{Name: "Set-Cookie", Value: "sid=setc00kie; Path=/"},
			},
		}},
		Findings: []*trace.Finding{{
			Rule: "proxy-403", Severity: trace.Error, Confidence: trace.Certain, Hop: "http-proxy:proxy.test",
			Args:     map[string]string{"host": "proxy.test", "port": "3128", "address": "10.0.0.2:3128", "scheme": "http", "endpoint": "proxy.test:3128", "proxy": "http://proxy.test:3128", "target": "cdn.test:443", "status": "403", "text": "No p@ssw0rd"},
			Evidence: []trace.Evidence{{Kind: "connection", Ref: "1", Frames: []int{4, 6}, Text: "CONNECT cdn.test:443 was answered 403 Forbidden"}},
		}},
		Hops: []*trace.Hop{
			{Name: "http-proxy:proxy.test", Address: "10.0.0.2:3128", State: trace.Failed, Connections: 1, Requests: 2, Statuses: map[int]int{200: 1, 403: 1}, Slowest: 12.5},
		},
		Verdict: trace.Verdict{Outcome: trace.Failed, Finding: "proxy-403", Hop: "http-proxy:proxy.test", Summary: "the proxy said no"},
		NotSeen: []string{"git asked https://bob:b0bspassword@git.test and we did not see it"},
		Losses:  trace.Losses{Packets: 3},
	}
}

func TestNoSecretInAnyFormat(t *testing.T) {
	secrets := []string{"s3cretpw", "goproxypw", "p%40ssw0rd", "p@ssw0rd", "YW5uOnBAc3N3MHJk", "eyJhbGciOi", "c00kievalue",
		"glpat-12345678", "tok3nvalue", "sign4ture", "setc00kie", "b0bspassword"}
	for _, f := range Formats() {
		var masked, shown bytes.Buffer
		if err := Write(&masked, f.Name, sample(), Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if err := Write(&shown, f.Name, sample(), Options{Verbose: true, ShowSecrets: true}); err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(masked.String(), s) {
				t.Errorf("%s: the secret %s is in the report", f.Name, s)
			}
		}
		if !strings.Contains(shown.String(), "s3cretpw") && f.Name == "json" {
			t.Errorf("%s: --no-redact masks all the same: this test cannot fail", f.Name)
		}
		if !strings.Contains(masked.String(), "proxy.test") {
			t.Errorf("%s: the host name was masked", f.Name)
		}
	}
}

func TestRedactKeepsWhatIsNoSecret(t *testing.T) {
	for _, s := range []string{
		"basic authentication is required", "https://goproxy.test/golang.org/x/text/@v/v0.3.0.info",
		"https://git.test/lib?go-get=1", "mod.test/hello@v1.0.0", "CONNECT cdn.test:443 HTTP/1.1",
		"gopx-trace report -v trace.pcapng", "go: mod@v1: reading https://x.test/a: 403 Forbidden",
	} {
		if got := newRedactor().text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestTextReport(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "text", sample(), Options{Recording: "t.pcapng"}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/text.golden", b.Bytes())
	first, _, _ := strings.Cut(b.String(), "\n")
	if first != "gopx-trace: FAILED at http-proxy:proxy.test: the proxy proxy.test:3128 refused CONNECT cdn.test:443: 403 No ***" {
		t.Errorf("the first line is not the answer: %q", first)
	}
}

func TestTextReportVerbose(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "text", sample(), Options{Verbose: true, File: "t.pcapng"}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/verbose.golden", b.Bytes())
}

func TestCutCommandLine(t *testing.T) {
	tr := sample()
	tr.Processes = []*trace.Process{{PID: 4711, Exe: "/usr/bin/git", Argv: []string{"git", "fetch"}, ArgvCut: true, TLS: "none"}}
	for format, want := range map[string]string{"text": "4711 git fetch …", "json": `"argv_cut": true`} {
		var b strings.Builder
		if err := Write(&b, format, tr, Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: no %q in\n%s", format, want, b.String())
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the report has changed; go test ./report -update shows how\n%s", path, got)
	}
}

func TestCapturedBytesCannotDriveTheTerminal(t *testing.T) {
	tr := sample()
	tr.Findings[0].Args["text"] = "reason \x1b[2J\x07 \u202e phrase\n"
	tr.Requests[0].URL = "http://\x1b]0;x\x07/"
	var b bytes.Buffer
	if err := Write(&b, "text", tr, Options{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexAny(b.String(), "\x1b\x07\u202e"); i >= 0 {
		t.Errorf("control character at byte %d", i)
	}
}

type broken struct{ n int }

func (w *broken) Write(p []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestWriteErrorIsReported(t *testing.T) {
	for _, f := range Formats() {
		if err := Write(&broken{}, f.Name, sample(), Options{}); err == nil {
			t.Errorf("%s: the write error was lost", f.Name)
		}
	}
	if _, err := Lookup("nonsense"); err == nil {
		t.Error("an unknown format was found")
	}
}
