//go:build linux

package settings

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

// mustTree writes files below a new directory.
func mustTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// goTree is a GOROOT of a distribution that keeps its toolchain.
func goTree() map[string]string {
	return map[string]string{
		"go/bin/go":          "",
		"go/pkg/tool/README": "",
		"go/VERSION":         "go1.26.8\ntime 2026-08-28T16:20:06Z\n",
		"go/go.env":          "# comment\nGOPROXY=https://mirror.test,direct\nGOSUMDB=sum.test\nGOTOOLCHAIN=local\n",
		"resolv.conf":        "# none\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 # second\noptions timeout:1\nnameserver\n",
	}
}

func TestPrecedence(t *testing.T) {
	files := goTree()
	files["home/.config/go/env"] = "GOPROXY=https://user.test\nGOPRIVATE=corp.test\nlower=ignored\n#GOSUMDB=off\nGOFLAGS=-v\nGOFLAGS=-x\n"
	files["other.env"] = "GOPROXY=https://other.test\nGOSUMDB=\n"
	root := mustTree(t, files)
	home, userFile := "HOME="+root+"/home", root+"/home/.config/go/env"
	type settings map[string]capture.Setting
	env := func(v string) capture.Setting { return capture.Setting{Value: v, Origin: "environment"} }
	hiding := func(v string) capture.Setting {
		return capture.Setting{Value: v, Origin: "environment", Shadows: "https://user.test"}
	}
	user := func(v string) capture.Setting { return capture.Setting{Value: v, Origin: "go env -w: " + userFile} }
	tree := func(v string) capture.Setting { return capture.Setting{Value: v, Origin: "GOROOT/go.env"} }
	def := func(v string) capture.Setting { return capture.Setting{Value: v, Origin: "default"} }
	for _, tt := range []struct {
		name string
		env  []string
		want settings
	}{
		{"environment first", []string{home, "GOPROXY=https://env.test"}, settings{"GOPROXY": hiding("https://env.test")}},
		{"empty is unset", []string{home, "GOPROXY="}, settings{"GOPROXY": user("https://user.test")}},
		{"the last one wins", []string{home, "GOPROXY=a", "GOPROXY=b"}, settings{"GOPROXY": hiding("b")}},
		{"the environment says the same", []string{home, "GOPROXY=https://user.test"}, settings{"GOPROXY": env("https://user.test")}},
		{"then go env -w, its last line", []string{home}, settings{"GOPROXY": user("https://user.test"), "GOFLAGS": user("-x")}},
		{"then GOROOT", []string{home}, settings{"GOSUMDB": tree("sum.test"), "GOTOOLCHAIN": tree("local")}},
		{"then the default", []string{home}, settings{"GOAUTH": def("netrc"), "GOMODCACHE": def(root + "/home/go/pkg/mod"), "GOENV": def(userFile)}},
		{"GONOPROXY is GOPRIVATE", []string{home}, settings{"GONOPROXY": def("corp.test"), "GONOSUMDB": def("corp.test")}},
		{"unless set", []string{home, "GONOPROXY=x.test"}, settings{"GONOPROXY": env("x.test"), "GONOSUMDB": def("corp.test")}},
		{"GOENV=off", []string{home, "GOENV=off"}, settings{"GOPROXY": tree("https://mirror.test,direct"), "GOPRIVATE": {}, "GOENV": env("off")}},
		{"GOENV elsewhere", []string{home, "GOENV=" + root + "/other.env"},
			settings{"GOPROXY": {Value: "https://other.test", Origin: "go env -w: " + root + "/other.env"}}},
		{"an empty line of the user hides go.env", []string{home, "GOENV=" + root + "/other.env"}, settings{"GOSUMDB": {}}},
		{"XDG_CONFIG_HOME", []string{"HOME=/nowhere", "XDG_CONFIG_HOME=" + root + "/home/.config"}, settings{"GOPROXY": user("https://user.test")}},
		{"no home", nil, settings{"GOPROXY": tree("https://mirror.test,direct"), "GOMODCACHE": {}, "GOENV": {}}},
		{"GOPATH moves the cache", []string{home, "GOPATH=/a:/b"}, settings{"GOMODCACHE": def("/a/pkg/mod"), "GOPATH": env("/a:/b")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := Reader{Env: tt.env, Dir: "/", Go: root + "/go/bin/go"}.Read(time.Time{})
			for name, want := range tt.want {
				if got := e.GoEnv[name]; got != want {
					t.Errorf("%s: %+v, want %+v", name, got, want)
				}
			}
		})
	}
}

func TestRead(t *testing.T) {
	root := mustTree(t, goTree())
	if err := os.Symlink(root+"/go/bin/go", root+"/go-link"); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	got := Reader{
		Env: []string{"https_proxy=http://a.test", "HTTPS_PROXY=http://b.test", "NO_PROXY=", "GOPROXY=off", "MY_PROXY=x",
			"GIT_SSL_NO_VERIFY=1", "SSL_CERT_FILE=/ca.pem", "GODEBUG=http2client=0", "SSL_OTHER=1", "=odd", "odd"},
		Go: root + "/go-link", ResolvConf: root + "/resolv.conf",
	}.Read(now)
	got.GoEnv, got.Roots = nil, nil // of this machine
	want := &capture.Environment{
		Time: now, GoVersion: "go1.26.8", GOROOT: root + "/go",
		Proxy:     map[string]string{"https_proxy": "http://a.test", "HTTPS_PROXY": "http://b.test", "NO_PROXY": ""},
		TLS:       map[string]string{"GIT_SSL_NO_VERIFY": "1", "SSL_CERT_FILE": "/ca.pem", "GODEBUG": "http2client=0"},
		Resolvers: []string{"192.0.2.1", "2001:db8::1"},
		Programs:  map[string]string{"git": "", "ssh": ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestGOROOT(t *testing.T) {
	files := goTree()
	files["cross/bin/linux_arm64/go"] = ""
	files["cross/pkg/tool/README"] = ""
	files["bin/go"] = "a wrapper script"
	root := mustTree(t, files)
	for _, tt := range []struct {
		name string
		r    Reader
		user map[string]string
		want string
	}{
		{"beside bin/go", Reader{Go: root + "/go/bin/go"}, nil, root + "/go"},
		{"cross-compiled", Reader{Go: root + "/cross/bin/linux_arm64/go"}, nil, root + "/cross"},
		{"the variable", Reader{Go: root + "/go/bin/go", Env: []string{"GOROOT=/x/"}}, nil, "/x"},
		{"the user's file", Reader{Env: []string{"GOROOT=/x"}}, map[string]string{"GOROOT": "/y"}, "/y"},
		{"a wrapper", Reader{Go: root + "/bin/go"}, nil, ""},
		{"absent", Reader{Go: root + "/absent/go"}, nil, ""},
		{"no go", Reader{}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.r.goroot(tt.user); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// A name from the user's environment must not make us wait or fill memory.
func TestReadFileOnlyRegularAndSmall(t *testing.T) {
	dir := t.TempDir()
	fifo, big, small := dir+"/fifo", dir+"/big", dir+"/small"
	err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.WriteFile(big, nil, 0o600), os.Truncate(big, maxFile+1),
		os.WriteFile(small, []byte("A=b"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{fifo: "", big: "", "/dev/zero": "", dir: "", "": "", small: "A=b"} {
		if got := readFile(name); string(got) != want {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
}

// The real go command is the judge.
func TestAgainstGoEnv(t *testing.T) {
	goExe, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	home := mustTree(t, map[string]string{
		".config/go/env": "GOPROXY=https://user.test|direct\nGOPRIVATE=*.corp.test\nGOINSECURE=a.test\nGOTOOLCHAIN=local\n",
	})
	for _, env := range [][]string{
		{"HOME=" + home},
		{"HOME=" + home, "GOENV=off"},
		{"HOME=" + home, "GOPROXY=off", "GONOSUMDB=x.test", "GOVCS=*:git", "GOFLAGS=-mod=mod"},
		{"HOME=" + home, "XDG_CONFIG_HOME=/nowhere", "GOPATH=/a:/b"},
		{"HOME=" + home, "GOAUTH=off", "GOSUMDB=", "GO111MODULE=on", "GOMODCACHE=/cache"},
	} {
		t.Run(strings.Join(env[1:], " "), func(t *testing.T) {
			cmd := exec.Command(goExe, "env", "-json")
			cmd.Dir, cmd.Env = home, append(env, "GOTELEMETRYDIR=/nowhere")
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]string
			if err := json.Unmarshal(out, &want); err != nil {
				t.Fatal(err)
			}
			got := Reader{Env: env, Dir: home, Go: goExe}.Read(time.Time{})
			if got.GoEnv["GOENV"].Value == "off" {
				want["GOENV"] = "off" // the go command forgets what it was told (main.go sets it to "")
			}
			for _, name := range append(names(), "GOENV") {
				if got.GoEnv[name].Value != want[name] {
					t.Errorf("%s: %q, go env says %q", name, got.GoEnv[name].Value, want[name])
				}
			}
			if got.GoVersion != want["GOVERSION"] || got.GOROOT != want["GOROOT"] {
				t.Errorf("%s in %s, go env says %s in %s", got.GoVersion, got.GOROOT, want["GOVERSION"], want["GOROOT"])
			}
		})
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("GOPROXY=a,b\n#c\nGOFLAGS"))
	f.Add([]byte("nameserver 192.0.2.1\nnameserver"))
	f.Add([]byte("go1.26.8\ntime x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for name := range parseEnvFile(b) {
			if name[0] < 'A' || 'Z' < name[0] {
				t.Errorf("setting %q", name)
			}
		}
		if len(resolvers(b)) > maxResolvers || strings.Contains(version(b), "\n") {
			t.Error("unbounded")
		}
	})
}

func TestHosts(t *testing.T) {
	e := &capture.Environment{
		GoEnv: map[string]capture.Setting{"GOPROXY": {Value: "https://goproxy.corp.test,direct"}},
		Proxy: map[string]string{"HTTPS_PROXY": "http://proxy.corp.test:3128"},
	}
	const file = "127.0.0.1 localhost\n10.0.0.1\tGoproxy.corp.test alias # old\n10.0.0.2 goproxy.corp.test\n10.0.0.3 other.test\n#10.0.0.4 proxy.corp.test\nproxy.corp.test\n"
	want := map[string][]string{"goproxy.corp.test": {"10.0.0.1", "10.0.0.2"}}
	if d := cmp.Diff(want, hostsOf([]byte(file), e)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
