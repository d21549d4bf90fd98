package goproxy

import (
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// git adds a git process that go started for each step, "subcommand exit-code".
func (s *story) git(steps ...string) {
	if len(s.t.Processes) == 0 {
		s.t.Processes = append(s.t.Processes, &trace.Process{PID: 7, Exe: "/usr/local/go/bin/go"})
	}
	for _, step := range steps {
		name, code, _ := strings.Cut(step, " ")
		argv := []string{"git", "-c", "protocol.version=2", name, "--end-of-options", "https://u:pw@git.test/lib.git"}
		if name == "shallow" {
			argv = []string{"git", "fetch", "--depth=1", "origin"}
		}
		exit := 0
		if code != "0" {
			exit = 128
		}
		s.t.Processes = append(s.t.Processes, &trace.Process{
			PID: uint32(100 + len(s.t.Processes)), PPID: 7, Exe: "/usr/bin/git", Argv: argv, ExitCode: &exit,
		})
	}
}

// cloned is a command with that exit code that discovers git.test/lib and asks
// its repository, with git processes.
func (s *story) cloned(exit int, steps ...string) {
	s.t.Command = &trace.Command{Argv: []string{"go", "get", "git.test/lib@v1.9.0"}, ExitCode: &exit}
	page := s.get("https://git.test/lib?go-get=1", 200)
	page.Body = []byte(`<meta name="go-import" content="git.test/lib git https://git.test/lib.git">`)
	s.get("https://git.test/lib.git/info/refs?service=git-upload-pack", 200)
	s.get("POST https://git.test/lib.git/git-upload-pack", 200)
	s.git(steps...)
}

func TestMissingRevision(t *testing.T) {
	for _, c := range []struct {
		name    string
		exit    int
		steps   []string
		missing bool
	}{
		{"a tag that is not there", 1, []string{"ls-remote 0", "tag 0"}, true},
		{"a commit that is not there", 1, []string{"ls-remote 0", "log 128", "shallow 128", "fetch 0", "log 128"}, true},
		{"a tag that is there", 1, []string{"ls-remote 0", "log 128", "shallow 0", "log 0", "cat-file 0"}, false},
		{"the command succeeded", 0, []string{"ls-remote 0"}, false},
		{"git could not ask", 1, []string{"ls-remote 128"}, false},
		{"git could not fetch", 1, []string{"ls-remote 0", "fetch 128"}, false},
		{"git was not asked", 1, []string{"version 0"}, false},
	} {
		s := begin("direct")
		s.cloned(c.exit, c.steps...)
		Explain(s.t)
		m := NewView(s.t).MissingRevision()
		if (m != nil) != c.missing {
			t.Errorf("%s: %+v", c.name, m)
		}
		if m == nil {
			continue
		}
		if m.Module != "git.test/lib" || m.Revision != "v1.9.0" || m.Repository != "https://git.test/lib.git" || len(m.Requests) != 2 {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}

// What the command line does not say, the module proxy that was asked before may.
func TestMissingRevisionOfARequirement(t *testing.T) {
	s := begin("https://a.test,direct")
	s.get(base+"/git.test/lib/sub/@v/v1.2.3.mod", 404)
	s.cloned(1, "ls-remote 0")
	s.t.Command.Argv = []string{"go", "mod", "download"}
	Explain(s.t)
	if m := NewView(s.t).MissingRevision(); m == nil || m.Module != "git.test/lib/sub" || m.Revision != "v1.2.3" {
		t.Errorf("%+v", m)
	}
}

// An answer that is missing is a fault of its own.
func TestNoMissingRevisionWithoutAnswers(t *testing.T) {
	s := begin("direct")
	s.cloned(1, "ls-remote 0")
	s.t.Requests[2].Status = 503
	Explain(s.t)
	if m := NewView(s.t).MissingRevision(); m != nil {
		t.Errorf("%+v", m)
	}
}

// A command line that was cut says nothing by what is not in it.
func TestMissingRevisionWithArgvCut(t *testing.T) {
	for name, at := range map[string]int{"ls-remote without its repository": 4, "it could be git log": 1} {
		s := begin("direct")
		s.cloned(1, "ls-remote 0")
		if at == 1 {
			s.git("log 0")
		}
		last := s.t.Processes[len(s.t.Processes)-1]
		last.Argv, last.ArgvCut = last.Argv[:at], true
		Explain(s.t)
		if m := NewView(s.t).MissingRevision(); m != nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// The git process that succeeded at last may be of the same repository.
func TestGitFailedWithArgvCut(t *testing.T) {
	s := begin("direct")
	s.cloned(1, "ls-remote 128", "fetch 0")
	last := s.t.Processes[len(s.t.Processes)-1]
	last.Argv = []string{"git", "fetch", "elsewhere"}
	if NewView(s.t).gitFailed("git.test/lib") == nil {
		t.Error("a fetch from elsewhere makes up for the failure")
	}
	last.Argv, last.ArgvCut = last.Argv[:2], true
	if p := NewView(s.t).gitFailed("git.test/lib"); p != nil {
		t.Errorf("failed: %q", p.CommandLine())
	}
}

func TestGitCommand(t *testing.T) {
	for line, want := range map[string]string{
		"git ls-remote -q":                  "ls-remote",
		"git -c a=b -C /tmp --bare fetch x": "fetch",
		"git":                               "",
		"git -c":                            "",
		"":                                  "",
	} {
		if got := gitCommand(strings.Fields(line)); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
