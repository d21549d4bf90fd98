package lab

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/mod/module"
)

func TestLookup(t *testing.T) {
	broken := Resolver{Rcode: dns.RcodeRefused, Names: []string{GoProxyHost}}
	for _, tt := range []struct {
		name   string
		setup  Setup
		query  string
		qtype  uint16
		rcode  int
		answer string // what the records end in, joined by commas
		silent bool
	}{
		{name: "A", query: "goproxy.test.", qtype: dns.TypeA, answer: "10.77.0.10"},
		{name: "upper case", query: "GoProxy.TEST.", qtype: dns.TypeA, answer: "10.77.0.10"},
		{name: "no AAAA in an IPv4 lab", query: "goproxy.test.", qtype: dns.TypeAAAA},
		{name: "AAAA", setup: Setup{Family: IPv6Only}, query: "cdn.test.", qtype: dns.TypeAAAA, answer: "fd77::c"},
		{name: "no A in an IPv6 lab", setup: Setup{Family: IPv6Only}, query: "cdn.test.", qtype: dns.TypeA},
		{name: "unknown name", query: "mod.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError},
		{name: "broken name", setup: Setup{Resolver: broken}, query: "goproxy.test.", qtype: dns.TypeA, rcode: dns.RcodeRefused},
		{name: "another name", setup: Setup{Resolver: broken}, query: "cdn.test.", qtype: dns.TypeA, answer: "10.77.0.12"},
		{name: "empty", setup: Setup{Resolver: Resolver{Empty: true}}, query: "cdn.test.", qtype: dns.TypeA},
		{name: "silent", setup: Setup{Resolver: Resolver{Silent: true}}, query: "cdn.test.", qtype: dns.TypeA, silent: true},
	} {
		l := &Lab{setup: tt.setup}
		reply := l.lookup(new(dns.Msg).SetQuestion(tt.query, tt.qtype))
		if tt.silent || reply == nil {
			if !tt.silent || reply != nil {
				t.Errorf("%s: %v", tt.name, reply)
			}
			continue
		}
		var answers []string
		for _, rr := range reply.Answer {
			f := strings.Fields(rr.String())
			answers = append(answers, f[len(f)-1])
		}
		if got := strings.Join(answers, ","); reply.Rcode != tt.rcode || got != tt.answer {
			t.Errorf("%s: rcode %d, %q; want %d, %q", tt.name, reply.Rcode, got, tt.rcode, tt.answer)
		}
	}
}

func TestCertificates(t *testing.T) {
	a, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root.cert)
	for kind, want := range map[Certificate]string{
		Valid: "", Expired: "has expired", NotYetValid: "is not yet valid", WrongName: "is valid for other.test",
		UnknownCA: "unknown authority", SelfSigned: "unknown authority", LeafOnly: "unknown authority",
	} {
		cert, err := a.certificate(GoProxyHost, nil, kind)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		sent := x509.NewCertPool()
		for _, der := range cert.Certificate[1:] {
			if c, err := x509.ParseCertificate(der); err == nil {
				sent.AddCert(c)
			}
		}
		_, err = leaf.Verify(x509.VerifyOptions{DNSName: GoProxyHost, Roots: roots, Intermediates: sent})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("kind %d: %v, want %q", kind, err, want)
		}
	}
}

func TestSplitModuleURL(t *testing.T) {
	for in, want := range map[string]string{
		"/mod.test/hello/@v/v1.0.0.info": "mod.test/hello v1.0.0.info",
		"/mod.test/hello/@v/list":        "mod.test/hello list",
		"/mod.test/!upper/@latest":       "mod.test/Upper @latest",
		"/mod.test/hello":                "",
		"/mod.test/Upper/@v/list":        "",
		"/@v/list":                       "",
		"":                               "",
	} {
		modPath, file, err := splitModuleURL(in)
		got := modPath + " " + file
		if want == "" && err == nil || want != "" && got != want {
			t.Errorf("splitModuleURL(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func FuzzModuleProxy(f *testing.F) {
	c := &catalog{all: releases()}
	p := &moduleProxy{catalog: c, zipHost: CDNHost, sumdb: http.NotFoundHandler()}
	for _, seed := range []string{"/mod.test/hello/@v/v1.0.0.zip", "/mod.test/quote/@latest", "/sumdb/sum.test/supported", "/a/@v/", "/mod.test/hello/@v/.mod"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 302, 404}, w.Code) {
			t.Errorf("%q: status %d", path, w.Code)
		}
		modPath, _, err := splitModuleURL(path)
		if err == nil && module.CheckPath(modPath) != nil {
			t.Errorf("%q gives the module path %q", path, modPath)
		}
	})
}

func TestSnmpField(t *testing.T) {
	const text = "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm OutRsts\nTcp: 1 17\nUdp: NoPorts\nUdp: 3\nUdpLite: NoPorts\nUdpLite: 9\n"
	for _, tt := range []struct {
		table, column string
		want          int
	}{{"Tcp:", "OutRsts", 17}, {"Udp:", "NoPorts", 3}, {"Tcp:", "NoPorts", 0}, {"Icmp:", "OutMsgs", 0}} {
		if got := snmpField(text, tt.table, tt.column); got != tt.want {
			t.Errorf("%s %s = %d, want %d", tt.table, tt.column, got, tt.want)
		}
	}
}

func TestAnswers(t *testing.T) {
	whole := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "0123456789") })
	for _, tt := range []struct {
		name   string
		answer Answer
		url    string
		status int
		body   string
	}{
		{"status", Status(503), "https://cdn.test/", 503, "Service Unavailable\n"},
		{"page", Page("text/html", "<p>"), "https://cdn.test/", 200, "<p>"},
		{"loop", RedirectLoop(), "https://cdn.test/a?b", 302, "<a href=\"/a\">Found</a>.\n\n"},
		{"half", Truncate(), "https://cdn.test/", 200, "01234"},
		{"path", OnPath("/a", Status(500)), "https://cdn.test/x/a", 500, "Internal Server Error\n"},
		{"another path", OnPath("/a", Status(500)), "https://cdn.test/x", 200, "0123456789"},
		{"host with port", OnHost(CDNHost, Status(403)), "https://cdn.test:443/", 403, "Forbidden\n"},
		{"host", OnHost(CDNHost, Status(403)), "https://cdn.test/", 403, "Forbidden\n"},
		{"another host", OnHost(CDNHost, Status(403)), "https://git.test/", 200, "0123456789"},
	} {
		w := httptest.NewRecorder()
		tt.answer(whole).ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.url, nil))
		if w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s: %d %q", tt.name, w.Code, w.Body.String())
		}
	}
}

func TestSilenceEndsWithTheClient(t *testing.T) {
	srv := httptest.NewServer(&counted{host: "h", counts: new(counts), next: Silence()(nil)})
	defer srv.Close()
	_, err := (&http.Client{Timeout: 50e6}).Get(srv.URL)
	if err == nil {
		t.Fatal("answered")
	}
	// srv.Close waits for the handler.
}

func TestEveryReleaseHasItsSums(t *testing.T) {
	for _, r := range releases() {
		lines, err := r.sumLines()
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s %s h1:", r.Path, r.Version.Version)
		if !strings.HasPrefix(string(lines), want) || strings.Count(string(lines), "\n") != 2 {
			t.Errorf("%v: %s", r.Version, lines)
		}
		if z, err := r.zip(); err != nil || len(z) == 0 {
			t.Errorf("%v: %d bytes of zip, %v", r.Version, len(z), err)
		}
	}
}

func TestClosedForgetsOnlyThat(t *testing.T) {
	if err := errors.New("x"); !errors.Is(closed(err), err) || closed(nil) != nil {
		t.Error("closed changes other errors")
	}
}
