package diagnose

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// gitExamples are about git where it disagrees with go, or has nothing to give.
func gitExamples() []example {
	const git = "vcs:git.test"
	return []example{
		{"git refuses what go took", func(s *story) {
			s.goproxy("direct").trusted("git.test", "root")
			s.gitRefused("git.test", "root")
		}, "git-ca-differs", "config"},
		{"git refuses what go took, by an alert", func(s *story) {
			s.goproxy("direct").trusted("git.test", "root")
			alert(s.gitRefused("git.test", "root"), "local", "unknown_ca")
		}, "git-ca-differs", "config"},
		{"git refuses the authority whose module proxy go took", func(s *story) {
			s.goproxy("https://a.test,direct").trusted("a.test", "device")
			s.gitRefused("git.test", "device")
		}, "git-ca-differs", "config"},
		{"git refuses, and go was never asked for the like", func(s *story) {
			s.goproxy("https://a.test,direct").trusted("a.test", "public")
			s.gitRefused("git.test", "device")
		}, "tls-unknown-ca", git},
		{"git refuses, and go does not look at certificates", func(s *story) {
			s.t.Environment.GoEnv["GOINSECURE"] = trace.Setting{Value: "git.test"}
			s.goproxy("direct").trusted("git.test", "root")
			s.gitRefused("git.test", "root")
		}, "tls-unknown-ca", git},
		{"git ended the connection, and succeeded", func(s *story) {
			s.goproxy("direct").trusted("git.test", "root")
			s.gitRefused("git.test", "root")
			s.t.Processes[1].ExitCode = new(0)
			s.exit(0)
		}, "", ""},
		{"git asked for refs, and was served", func(s *story) {
			s.goproxy("direct").trusted("git.test", "root")
			s.gitRefused("git.test", "root")
			s.request(s.t.Connections[1], "GET", "https://git.test/lib.git/info/refs?service=git-upload-pack", 200)
			s.exit(0)
		}, "", ""},
		{"no such tag", func(s *story) { s.goproxy("direct").lsRemote(0) }, "unknown-revision", git},
		{"no such tag, over ssh", func(s *story) {
			s.goproxy("direct").lsRemote(0)
			s.t.Requests = s.t.Requests[:1]
			argv := s.t.Processes[len(s.t.Processes)-1].Argv
			argv[len(argv)-1] = "git@git.test:lib.git"
		}, "unknown-revision", git},
		{"no such tag, says the module proxy", func(s *story) {
			s.get("a.test", "/git.test/lib/@v/v1.9.0.info", 404).Body = []byte("not found: git.test/lib@v1.9.0: invalid version: unknown revision v1.9.0\n")
		}, "unknown-revision", "goproxy:a.test"},
		{"no such tag, says the module proxy, and git too", func(s *story) {
			s.goproxy("https://a.test,direct").get("a.test", "/git.test/lib/@v/v1.9.0.info", 404).Body = []byte("not found: unknown revision v1.9.0")
			s.lsRemote(0)
		}, "unknown-revision", git},
		{"not found, and a page that has the words", func(s *story) {
			s.get("a.test", "/git.test/lib/@v/v1.9.0.info", 404).Body = []byte("<p>unknown revision</p>")
		}, "http-not-found", "goproxy:a.test"},
		{"the tag is there", func(s *story) {
			s.goproxy("direct").lsRemote(0)
			s.t.Processes = append(s.t.Processes, &trace.Process{PID: 21, PPID: 7, Exe: "/usr/bin/git", Argv: []string{"git", "log"}, ExitCode: new(0)})
			s.exit(0)
		}, "", ""},
	}
}

// A module proxy's reason for its 404 is told even if the answer is compressed.
func TestSaid(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("not found: unknown revision v1\nmore"))
	z.Close()
	for _, c := range []struct{ body, coding, want string }{
		{"not found: x\nmore", "", "not found: x"},
		{packed.String(), "gzip", "not found: unknown revision v1"},
		{"\x0b\x80\xff", "br", ""},
		{"<html>", "", ""},
		{"", "", ""},
		{strings.Repeat("x", 999), "", strings.Repeat("x", maxSaid)},
	} {
		r := &trace.Request{Body: []byte(c.body), ResponseHeaders: []trace.Header{{Name: "Content-Encoding", Value: c.coding}}}
		if got := said(r); got != c.want {
			t.Errorf("%q: %q, want %q", c.body, got, c.want)
		}
	}
}

// trusted is a request of go's own to a host with a certificate of that authority.
func (s *story) trusted(host, authority string) {
	c := s.https(host)
	c.TLS[0].Certificates = []*trace.Certificate{certificate(host)}
	c.TLS[0].Certificates[0].Issuer = "CN=" + authority
	path, status := "/git.test/lib/@v/v1.0.0.info", 404
	if host == "git.test" {
		path, status = "/lib?go-get=1", 200
	}
	s.request(c, "GET", "https://"+host+path, status)
}

// gitRefused is a connection of git that git ended after the handshake, before
// any request, and failed.
func (s *story) gitRefused(host, authority string) *trace.TLS {
	c := s.https(host)
	c.PID = 8
	for _, l := range s.t.Lookups[len(s.t.Lookups)-2:] {
		l.PID = 8
	}
	c.TLS[0].Certificates = []*trace.Certificate{certificate(host)}
	c.TLS[0].Certificates[0].Issuer = "CN=" + authority
	s.ended(c, "local", "closed")
	s.t.Processes[1].PPID, s.t.Processes[1].ExitCode = 7, new(128)
	return c.TLS[0]
}

// lsRemote is go get of a version that git.test/lib does not have: discovery,
// and git ls-remote with that exit code.
func (s *story) lsRemote(exit int) {
	s.t.Command.Argv = []string{"go", "get", "git.test/lib@v1.9.0"}
	s.get("git.test", "/lib?go-get=1", 200).Body = []byte(`<meta name="go-import" content="git.test/lib git https://git.test/lib.git">`)
	s.get("git.test", "/lib.git/info/refs?service=git-upload-pack", 200)
	s.t.Processes = append(s.t.Processes, &trace.Process{
		PID: 20, PPID: 7, Exe: "/usr/bin/git", StartedAt: s.step(), ExitCode: &exit,
		Argv: []string{"git", "ls-remote", "-q", "--end-of-options", "https://git.test/lib.git"},
	})
}
