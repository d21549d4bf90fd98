//go:build linux

package invoker

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nul ends each string with a zero byte, as /proc does.
func nul(words ...string) []byte {
	return []byte(strings.Join(words, "\x00") + "\x00")
}

func TestRecover(t *testing.T) {
	theirs := nul("HOME=/home/u", "PATH=/home/u/go/bin:/usr/bin", "GOPROXY=https://mod.test", "HTTPS_PROXY=http://p.test:3128", "EDITOR=vi", "USER=u")
	sudo := []string{"HOME=/root", "PATH=/usr/sbin:/usr/bin", "USER=root", "LOGNAME=root", "SUDO_UID=1000", "SUDO_USER=u", "TERM=xterm"}
	user := []string{"HOME=/home/u", "PATH=/home/u/go/bin:/usr/bin", "GOPROXY=https://mod.test", "HTTPS_PROXY=http://p.test:3128", "EDITOR=vi", "USER=u"}
	with := func(changes ...string) []string {
		env := slices.Clone(user)
		for _, c := range changes {
			if name, ok := strings.CutPrefix(c, "-"); ok {
				env = unset(env, name)
			} else {
				env = set(env, c)
			}
		}
		slices.Sort(env)
		return env
	}
	for _, tt := range []struct {
		name    string
		cmdline []byte
		pam     string
		ours    []string
		want    []string
	}{
		{"plain sudo", nul("sudo", "gopx-trace", "go", "get"), "", nil, with()},
		{"sudo NAME=value", nul("sudo", "GOPROXY=off", "gopx-trace"), "", []string{"GOPROXY=off"}, with("GOPROXY=off")},
		{"identity by name", nul("sudo", "PATH=/opt/bin", "HOME=/srv", "gopx-trace"), "", nil, with("PATH=/opt/bin", "HOME=/srv")},
		{"behind options", nul("sudo", "-n", "-u", "root", "-E", "GOPROXY=off", "gopx-trace"), "", nil, with("GOPROXY=off")},
		{"option with its argument", nul("sudo", "-nuroot", "--user=root", "--chdir", "A=b", "GOPROXY=off", "x"), "", nil, with("GOPROXY=off")},
		{"letters in one word", nul("sudo", "-nu", "root", "A=b", "x"), "", nil, with("A=b")},
		{"the command's own words", nul("sudo", "gopx-trace", "env", "GOPROXY=off", "go"), "", nil, with()},
		{"after --", nul("sudo", "--", "gopx-trace", "GOPROXY=off"), "", nil, with()},
		{"sudo env", nul("sudo", "env", "A=b", "PATH=/opt/bin", "gopx-trace", "C=d"), "", nil, with("A=b", "PATH=/opt/bin")},
		{"sudo env -u", nul("sudo", "/usr/bin/env", "-u", "HTTPS_PROXY", "--unset=EDITOR", "gopx-trace"), "", nil, with("-HTTPS_PROXY", "-EDITOR")},
		{"sudo env -i", nul("sudo", "env", "-i", "A=b", "gopx-trace"), "", []string{"C=d"}, []string{"A=b"}},
		{"env before env", nul("sudo", "env", "A=b", "env", "-C", "/tmp", "C=d", "gopx-trace"), "", nil, with("A=b", "C=d")},
		{"set between sudo and us", nul("sudo", "sh", "run.sh"), "", []string{"GOPROXY=off", "NEW=1"}, with("GOPROXY=off", "NEW=1")},
		{"the same as theirs", nul("sudo", "gopx-trace"), "", []string{"EDITOR=vi"}, with()},
		{"a shell between", nul("sudo", "sh", "run.sh"), "", []string{"SHLVL=1", "_=/bin/x"}, with()},
		{
			"pam_env adds what the user has changed", nul("sudo", "gopx-trace"),
			"# proxies\nexport HTTPS_PROXY=\"http://corp.test\"\nLANG=C\n",
			[]string{"HTTPS_PROXY=http://corp.test", "LANG=C"}, with(),
		},
		{
			"the same asked for by name", nul("sudo", "HTTPS_PROXY=http://corp.test", "gopx-trace"),
			"HTTPS_PROXY=http://corp.test\n", []string{"HTTPS_PROXY=http://corp.test"}, with("HTTPS_PROXY=http://corp.test"),
		},
		{"no command line", nil, "", nil, with()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Recover(theirs, tt.cmdline, []byte(tt.pam), append(slices.Clone(sudo), tt.ours...))
			slices.Sort(got)
			// TERM and what sudo itself sets never come over.
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func FuzzRecover(f *testing.F) {
	f.Add(nul("A=b", "HTTPS_PROXY=x"), nul("sudo", "-u", "root", "env", "-i", "C=d", "x"), []byte("export A='b'\n"))
	f.Add([]byte("\x00\x00=\x00"), []byte("sudo\x00-"), []byte("=\n\""))
	f.Add([]byte{}, nul("sudo", "env", "--unset"), []byte("A=\"'"))
	f.Fuzz(func(t *testing.T, environ, cmdline, pam []byte) {
		for _, kv := range Recover(environ, cmdline, pam, []string{"HOME=/root", "NEW=1"}) {
			if strings.IndexByte(kv, '=') < 1 {
				t.Errorf("%q is no NAME=value", kv)
			}
			if kv == "HOME=/root" && !bytes.Contains(environ, []byte(kv)) && !bytes.Contains(cmdline, []byte(kv)) {
				t.Error("sudo's own HOME came over")
			}
		}
	})
}
