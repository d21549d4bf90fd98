package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// told writes a trace in every format, in full.
func told(t testing.TB, tr *trace.Trace, o Options) map[string]string {
	t.Helper()
	o.Verbose = true
	out := map[string]string{}
	for _, f := range Formats() {
		var b bytes.Buffer
		if err := Write(&b, f.Name, tr, o); err != nil {
			t.Fatal(err)
		}
		out[f.Name] = b.String()
	}
	return out
}

// wantMasked fails if a secret is in a report, or if it is not even in one
// with --no-redact: then the test has lost its subject.
func wantMasked(t *testing.T, tr *trace.Trace, secrets ...string) {
	t.Helper()
	quoted := func(s string) string {
		b, _ := json.Marshal(s)
		return strings.Trim(string(b), `"`)
	}
	shown := told(t, tr, Options{ShowSecrets: true})["json"]
	masked := told(t, tr, Options{})
	for _, s := range secrets {
		if !strings.Contains(shown, quoted(s)) {
			t.Errorf("%q is not in the report with secrets", s)
		}
		for name, text := range masked {
			if strings.Contains(text, s) || strings.Contains(text, quoted(s)) {
				t.Errorf("%s: %q is in the report", name, s)
			}
		}
	}
}

func TestCommandLines(t *testing.T) {
	for _, c := range []struct{ line, want string }{ // arguments separated by "~"
		{"curl~-sS~-u~bob:CANARY~https://x.test:81/", "curl~-sS~-u~***~https://x.test:81/"},
		{"curl~-u~bob:zq9Z~https://x.test/zq9Z/zq9Zebra", "curl~-u~***~https://x.test/***/zq9Zebra"},
		{"curl~-sSubob:CANARY~-UCANARY", "curl~-sSu***~-U***"},
		{"curl~-sSu~-CANARY", "curl~-sSu~***"},
		{"curl~--user~bob:CANARY~--proxy-user~bob:CANARY", "curl~--user~***~--proxy-user~***"},
		{"curl~-b~sid=CANARY~-b~jar.txt~-c~jar.txt", "curl~-b~***~-b~jar.txt~-c~jar.txt"},
		{"curl~-H~PRIVATE-TOKEN: CANARY~-H~Accept: text/html", "curl~-H~PRIVATE-TOKEN: ***~-H~Accept: text/html"},
		{"curl~-HX-Api-Key:CANARY~-H~X-Ours: CANARY", "curl~-HX-Api-Key:***~-H~X-Ours: ***"},
		{"curl~--header~Authorization: Bearer CANARY", "curl~--header~Authorization: Bearer ***"},
		{"curl~-d~password=CANARY&user=x~-d~@body.json", "curl~-d~***~-d~@body.json"},
		{"curl~--data-raw~CANARY~--json~{\"a\":\"CANARY\"}", "curl~--data-raw~***~--json~***"},
		{"curl~--oauth2-bearer~CANARY~-E~c.pem:CANARY", "curl~--oauth2-bearer~***~-E~c.pem:***"},
		{"curl~-x~bob:CAN/ARY@proxy.test:3128~-I", "curl~-x~***@proxy.test:3128~-I"},
		{"curl~https://x.test/?key=CANARY&v=1", "curl~https://x.test/?key=***&v=1"},
		{"env~GITHUB_TOKEN=CANARY~HTTPS_PROXY=bob:CANARY@h:9~make", "env~GITHUB_TOKEN=***~HTTPS_PROXY=***@h:9~make"},
		{"env~GOPROXY=https://bob:CANARY@a.test,direct~go~list", "env~GOPROXY=https://***@a.test,direct~go~list"},
		{"wget~--http-user=bob~--http-password=CANARY~--user~CANARY", "wget~--http-user=***~--http-password=***~--user~***"},
		{"wget~-e~https_proxy=http://bob:CANARY@h~--header=X-Auth-Key: CANARY", "wget~-e~https_proxy=http://***@h~--header=X-Auth-Key: ***"},
		{"tool~--token=CANARY~--password~CANARY~--api-key=CANARY~-token~CANARY", "tool~--token=***~--password~***~--api-key=***~-token~***"},
		{"tool~-u~bob:CANARY~--user~1000:1000", "tool~-u~***~--user~1000:1000"},
		{"http~x.test~Authorization:CANARY", "http~x.test~Authorization:***"},
		{"git~-c~http.extraHeader=Authorization: Basic CANARY=~ls-remote", "git~-c~http.extraHeader=Authorization: Basic ***~ls-remote"},
		{"git~-c~http.https://x.test/.extraheader=PRIVATE-TOKEN: CANARY", "git~-c~http.https://x.test/.extraheader=PRIVATE-TOKEN: ***"},
		{"git~clone~https://bob:CAN/ARY@git.test/lib", "git~clone~https://***@git.test/lib"},
		{"curl~https://bob:CANARY@a.test/m/@v/list", "curl~https://***@a.test/m/@v/list"},
		{"curl~https://USER:PASSWORD@a.test~https://bob:CANARY@localhost:1", "curl~https://USER:PASSWORD@a.test~https://***@localhost:1"},
		{"go~build~-ldflags=-X main.apiKey=CANARY -s", "go~build~-ldflags=-X main.apiKey=*** -s"},
		{"sh~-c~cd /tmp; curl -u bob:CANARY -H 'X-Ours: CANARY' https://x.test | TOKEN=CANARY go get -u x", "sh~-c~cd /tmp; curl -u *** -H 'X-Ours: ***' https://x.test | TOKEN=*** go get -u x"},
		{"sh~-c~curl -u bob:'CANARY' x", "sh~-c~curl -u *** x"},
		{"bash~-c~sh -c \"wget --password=CANARY x\"", "bash~-c~sh -c \"wget --password=*** x\""},
	} {
		tr := &trace.Trace{Command: &trace.Command{Argv: strings.Split(c.line, "~")}}
		tr.Processes = []*trace.Process{{PID: 1, Argv: slices.Clone(tr.Command.Argv)}}
		got := Redact(tr)
		if line := strings.Join(got.Command.Argv, "~"); line != c.want {
			t.Errorf("%s\ngives %s\nwant  %s", c.line, line, c.want)
		}
		if !slices.Equal(got.Command.Argv, got.Processes[0].Argv) {
			t.Errorf("command and process differ: %q", got.Processes[0].Argv)
		}
		if s := fmt.Sprint(told(t, tr, Options{})); strings.Contains(s, "CANARY") {
			t.Errorf("%s: the secret is in a report", c.line)
		}
	}
}

// What is masked in a script does not make the next step larger.
func TestScriptsDoNotGrow(t *testing.T) {
	s := strings.Repeat("curl -u '' --token '*' --token '**' ;", 300)
	if got := newRedactor().script(s, 0); len(got) > 2*len(s) {
		t.Errorf("%d bytes became %d", len(s), len(got))
	}
	deep := strings.Repeat("a=", 50_000) + "b"
	if got := newRedactor().argv([]string{deep}); got[0] != deep {
		t.Error("a=a=... was changed")
	}
}

func TestCommandLinesStayReadable(t *testing.T) {
	for _, line := range []string{
		"go~get~-u~mod.test/hello@v1.0.0", "go~get~-d~mod.test/hello@v0.0.0-20260102030405-abcdef123456", "go~mod~download~-json~-x",
		"go~build~-ldflags=-s -w -X main.version=v1.2.3~./...", "go~test~-run=TestToken~-count=1~./auth",
		"git~-c~log.showsignature=false~log~-n1", "git~-c~protocol.version=2~fetch~-f~--depth=1~origin~refs/tags/v1.0.0:refs/tags/v1.0.0",
		"git~push~-u~origin~main", "git~clone~-b~main~git@git.test:lib.git", "git~ls-remote~-q~https://git.test/lib.git",
		"git~cat-file~blob~a347973af0c0368df401230eb18d8290b43ef717:go.mod", "git~commit~--author=Ann <ann@x.test>",
		"curl~-sS~-o~out.html~-H~Accept: text/html~https://goproxy.test/mod.test/hello/@v/list", "curl~-x~http://proxy.test:3128~-k~https://x.test", "curl~https://a.test/m/@v/v1.0.0.zip",
		"wget~-q~-U~agent/1.0~--no-check-certificate~https://x.test", "tool~--token-file~/run/t~--ask-password~x~auth-server:8080",
		"env~GOFLAGS=-mod=mod~GOPROXY=https://a.test|https://b.test/x,direct~PWD=/home/ann~go~list", "docker~run~--user~1000:1000~img",
		"sh~-c~go get mod.test/hello@latest && echo 'a=b' > x", "gopx-trace~report~-v~t.pcapng",
	} {
		argv := strings.Split(line, "~")
		if got := strings.Join(newRedactor().argv(argv), "~"); got != line {
			t.Errorf("%s\nbecame %s", line, got)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"HTTPS_PROXY", "bob:CANARY@h:9", "***@h:9"},
		{"HTTPS_PROXY", "http://bob:a/CANARY@h", "http://***@h"},
		{"HTTPS_PROXY", "http://bob:1/CANARY@h", "http://***@h"},
		{"https_proxy", "http://bob:a#CANARY@h", "http://***@h"},
		{"ALL_PROXY", "socks5://bob:a?CANARY@h", "socks5://***@h"},
		{"HTTP_PROXY", "http://bob:a'CANARY@h", "http://***@h"},
		{"HTTP_PROXY", "http://bob:a CANARY@h", "http://***@h"},
		{"HTTP_PROXY", "http://bob:a@CANARY@h", "http://***@h"},
		{"HTTP_PROXY", "bob:a://CANARY@h", "***@h"},
		{"HTTP_PROXY", "http://bob:a%2FCANARY@h", "http://***@h"},
		{"GOPROXY", "bob:CANARY@h.test|https://b.test,direct", "***@h.test|https://b.test,direct"},
		{"GOPROXY", "https://bob:1/CANARY@h.test", "https://***@h.test"},
		{"GOPROXY", "https://bob:CANARY,CANARY@h.test,off", "https://***,***@h.test,off"},
		{"GOPROXY", "https://h.test?token=CANARY", "https://h.test?token=***"},
		{"GOSUMDB", "sum.test+1a+Ab/x https://bob:CAN ARY@sum.test", "sum.test+1a+Ab/x https://***@sum.test"},
		{"GOAUTH", "/bin/auth --token=CANARY CANARY; netrc", "/bin/auth ***; netrc"},
		{"GOFLAGS", "-mod=mod -ldflags=-Xmain.token=CANARY", "-mod=mod -ldflags=-Xmain.token=***"},
		{"CI_JOB_TOKEN", "CANARY", "***"},
		{"OTHER", "https://bob:CANARY@h.test/x", "https://***@h.test/x"},
		// What must stay readable.
		{"GOPROXY", "https://a.test:8443/go|https://b.test,direct", "https://a.test:8443/go|https://b.test,direct"},
		{"GOSUMDB", "sum.test+1a+Ab/x+y https://sum.test", "sum.test+1a+Ab/x+y https://sum.test"},
		{"GOAUTH", "netrc", "netrc"},
		{"NO_PROXY", "a.test,10.0.0.0/8", "a.test,10.0.0.0/8"},
		{"HTTPS_PROXY", "http://[fd00::1]:3128", "http://[fd00::1]:3128"},
		{"HTTPS_PROXY", "http://USER:PASSWORD@h:3128", "http://USER:PASSWORD@h:3128"},
		{"GOMODCACHE", "/home/ann/go/pkg/mod", "/home/ann/go/pkg/mod"},
		{"GOFLAGS", "-mod=mod -tags=x", "-mod=mod -tags=x"},
	} {
		if got := newRedactor().setting(c.name, c.value); got != c.want {
			t.Errorf("%s=%s became %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"X-JFrog-Art-Api", "CANARY", "***"},
		{"X-Auth-Key", "CANARY", "***"},
		{"X-Ours", "CANARY", "***"},
		{"X-Goog-Signature", "CANARY", "***"},
		{"X-Goog-Api-Key", "CANARY", "***"},
		{"Authorization", "Basic Ym9iOkNBTkFSWQ==", "Basic ***"},
		{"Authorization", "CANARY CANARY", "***"},
		{"Proxy-Authorization", "Negotiate CANARY", "Negotiate ***"},
		{"Set-Cookie", "sid=CANARY; Path=/", "***"},
		{"Location", "https://s.test/a.zip?Odd-Name=CANARY0123456789abcdef&v=1", "https://s.test/a.zip?Odd-Name=***&v=1"},
		{"Location", "https://bob:CANARY@s.test/a.zip", "https://***@s.test/a.zip"},
		{"WWW-Authenticate", `Bearer realm="r, 1",service="CANARY",scope="x"`, `Bearer realm="r, 1", ***`},
		{"Proxy-Authenticate", "Negotiate CANARY=, NTLM, Basic realm=x", "Negotiate ***, NTLM, Basic realm=x"},
		{":path", "/x?jwt=CANARY", "/x?jwt=***"},
		// What must stay readable.
		{":authority", "x.test:443", "x.test:443"},
		{"User-Agent", "Go-http-client/2.0", "Go-http-client/2.0"},
		{"Via", "1.1 proxy.test (squid/6.1)", "1.1 proxy.test (squid/6.1)"},
		{"X-Cache", "MISS from proxy.test", "MISS from proxy.test"},
		{"X-Goog-Hash", "crc32c=abcd1234==", "crc32c=abcd1234=="},
		{"Proxy-Authenticate", `Basic realm="corp proxy"`, `Basic realm="corp proxy"`},
		{"WWW-Authenticate", "Negotiate", "Negotiate"},
		{"Location", "/mod.test/hello/@v/v1.0.0.zip?version=v0.0.0-20260102030405-abcdef123456", "/mod.test/hello/@v/v1.0.0.zip?version=v0.0.0-20260102030405-abcdef123456"},
		{"Content-Security-Policy", "default-src 'self'", "default-src 'self'"},
		{"Date", "Sun, 22 Nov 2026 18:00:00 GMT", "Sun, 22 Nov 2026 18:00:00 GMT"},
	} {
		if got := newRedactor().header(c.name, c.value); got != c.want {
			t.Errorf("%s: %s became %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

// What was found in one place is masked in every other.
func TestEchoes(t *testing.T) {
	const secret = "p/w's #1%x"
	tr := sample()
	tr.Environment.Proxy["HTTPS_PROXY"] = "http://ann:" + secret + "@proxy.test:3128"
	tr.Environment.GoEnv["GOAUTH"] = trace.Setting{Value: "auth.sh goauth0secret"}
	tr.Command.Argv = []string{"curl", "-u", "ann:argvpassw0rd", "https://x.test"}
	tr.Requests[0].RedirectedFrom = 7
	tr.Requests[0].URL = "https://cdn.test/x.zip?Odd=abcdefghij0123456789"
	tr.Requests[0].Headers = append(tr.Requests[0].Headers, trace.Header{Name: "X-JFrog-Art-Api", Value: "jfr0gsecret"})
	echo := func(s string) string {
		return s + " " + strings.Join([]string{secret, "goauth0secret", "argvpassw0rd", "abcdefghij0123456789", "jfr0gsecret"}, " ")
	}
	tr.NotSeen = []string{echo("n")}
	tr.Findings[0].Args["text"] = echo("t")
	tr.Findings[0].Evidence[0].Text = echo("e")
	tr.Processes = []*trace.Process{{PID: 1, Exe: echo("/x"), Argv: []string{echo("a")}, Missing: echo("m")}}
	tr.Lookups = []*trace.Lookup{{Name: "x.test", Error: echo("l"), Answers: []trace.Answer{{Type: "TXT", Data: echo("d")}}}}
	tr.Requests[0].Error, tr.Requests[0].StatusText = echo("r"), echo("s")
	tr.Requests[0].Trailers = []trace.Header{{Name: "Server-Timing", Value: echo("v")}, {Name: "X-T", Value: echo("x")}}
	tr.Pushes = []*trace.Request{{URL: "https://bob:pushpassw0rd@x.test/", Headers: []trace.Header{{Name: "X-Push", Value: "pushed0secret"}}}}
	tr.Connections[0].ICMP, tr.Connections[0].Notes = echo("i"), []string{echo("o")}
	tr.Connections[0].Tunnel.StatusText = echo("u")
	tr.Connections[0].GoAway = &trace.GoAway{Debug: echo("g")}
	tr.Connections[0].TLS = []*trace.TLS{{ServerName: "x.test", Certificates: []*trace.Certificate{{Subject: echo("c"), CAIssuers: []string{"http://ann:issuerpassw0rd@x.test"}}}}}
	tr.Fetches = []*trace.Fetch{{Module: "mod.test/hello", Attempts: []trace.Attempt{{Entry: "https://ann:entrypassw0rd@x.test", NextBecause: echo("b")}}}}
	tr.Hops[0].Protocol = echo("p")
	wantMasked(t, tr, secret, "goauth0secret", "argvpassw0rd", "abcdefghij0123456789", "jfr0gsecret",
		"pushpassw0rd", "pushed0secret", "issuerpassw0rd", "entrypassw0rd")
	for name, s := range told(t, tr, Options{}) {
		for _, readable := range []string{"proxy.test:3128", "cdn.test", "mod.test/hello", "auth.sh ***", "x.test"} {
			if !strings.Contains(s, readable) {
				t.Errorf("%s: %q was masked", name, readable)
			}
		}
	}
}

func TestSecretEqualToANameLeavesTheName(t *testing.T) {
	tr := sample()
	tr.Lookups = []*trace.Lookup{{Name: "goproxy.test"}}
	tr.Command.Argv = []string{"curl", "-u", "bob:goproxy.test", "https://goproxy.test/"}
	if got := fmt.Sprint(Redact(tr).Command.Argv); got != "[curl -u *** https://goproxy.test/]" {
		t.Error(got)
	}
}

// A secret in the userinfo of a URL never survives, whatever its characters,
// in a setting; in running text unless it has those that end a URL there.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{"pw", "a/b", "a#b", "1/x", "p@w", "%2f", "a b", "'", "://", "a,b", "[x]:1", "@#", "@b.c/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		secret := "K7q" + s + "Z9k" // so that it is no part of what surrounds it
		for _, url := range []string{"http://bob:" + secret + "@h.test:1", "bob:" + secret + "@h.test:1"} {
			for _, name := range []string{"HTTPS_PROXY", "all_proxy"} {
				wantGone(t, newRedactor().setting(name, url))
			}
			if !strings.ContainsAny(secret, ",|") {
				wantGone(t, newRedactor().setting("GOPROXY", url))
			}
			wantGone(t, strings.Join(newRedactor().argv([]string{"curl", "-x", url, "-u", secret, "--token", secret}), " "))
		}
		if !strings.ContainsAny(secret, "/?#\"'<>| \t\n\v\f\r") {
			wantGone(t, newRedactor().text("see ftp://bob:"+secret+"@h.test/x and go on"))
		}
		tr := &trace.Trace{Command: &trace.Command{Argv: []string{"sh", "-c", s}}, Processes: []*trace.Process{{Argv: []string{s, "-" + s, s + "=" + s}}}}
		tr.Requests = []*trace.Request{{URL: s, RedirectedFrom: 1, Headers: []trace.Header{{Name: s, Value: s}, {Name: "WWW-Authenticate", Value: s}, {Name: "Location", Value: s}}}}
		Redact(tr)
	})
}

func wantGone(t *testing.T, s string) {
	t.Helper()
	if strings.Contains(s, "K7q") || strings.Contains(s, "Z9k") {
		t.Errorf("the secret is still there: %q", s)
	}
}

// many is a trace of n requests, each redirected to a signed URL of its own.
func many(n int) *trace.Trace {
	tr := sample()
	for i := range n {
		q := *tr.Requests[0]
		q.ID, q.RedirectedFrom = i+2, 1
		q.URL = fmt.Sprintf("https://cdn.test/mod.test/m%d/@v/v1.0.0.zip?X-Goog-Signature=%064x&Odd=abc%020d", i, i, i)
		q.Headers = []trace.Header{{Name: ":method", Value: "GET"}, {Name: ":path", Value: q.URL[len("https://cdn.test"):]}, {Name: "user-agent", Value: "Go-http-client/2.0"}}
		q.ResponseHeaders = []trace.Header{
			{Name: "date", Value: "Sun, 22 Nov 2026 18:00:00 GMT"}, {Name: "content-type", Value: "application/zip"},
			{Name: "content-length", Value: "1234"}, {Name: "x-odd", Value: fmt.Sprintf("v%08d", i)}, {Name: "cache-control", Value: "public, max-age=3600"},
		}
		tr.Requests = append(tr.Requests, &q)
	}
	return tr
}

func BenchmarkRedact(b *testing.B) {
	tr := many(20_000)
	for b.Loop() {
		Redact(tr)
	}
}
