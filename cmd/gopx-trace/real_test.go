//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// realModule is fetched through the module proxy that this machine is set up with.
const realModule = "golang.org/x/text"

// Real input: the module proxy of this machine, traced, agrees with tshark.
func TestRealModuleProxy(t *testing.T) {
	needRoot(t)
	proxy, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil || !strings.HasPrefix(string(proxy), "http") {
		t.Skipf("no module proxy is set up here: GOPROXY=%s (%v)", proxy, err)
	}
	for _, argv := range [][]string{
		{"go", "mod", "download", realModule + "@v0.14.0"},
		{"go", "get", realModule + "@v0.14.0"},
	} {
		t.Run(strings.Join(argv[:3], " "), func(t *testing.T) {
			r := traceHere(t, argv)
			if r.code != 0 || r.live.Verdict.Outcome != trace.OK || len(serious(r.live)) > 0 {
				t.Errorf("exit code %d\n%s", r.code, r.stderr)
			}
			if r.live.Losses != (trace.Losses{}) {
				t.Errorf("lost: %+v", r.live.Losses)
			}
			ofTheModule(t, r.live)
			layers(t, r.live)
			if d := cmp.Diff(string(r.liveJSON), string(r.replay(t))); d != "" {
				t.Errorf("the recording tells something else (-live +replay):\n%s", d)
			}
			if d := cmp.Diff(tsharkPaths(t, r.recording), paths(r.live)); d != "" {
				t.Errorf("tshark sees other requests (-tshark +ours):\n%s", d)
			}
		})
	}
}

// traceHere runs a command under gopx-trace outside of the lab, in a fresh
// module with a fresh module cache.
func traceHere(t *testing.T, argv []string) *traced {
	t.Helper()
	dir := t.TempDir()
	cache := filepath.Join(dir, "cache")
	t.Cleanup(func() {
		c := exec.Command("go", "clean", "-modcache")
		c.Env = append(os.Environ(), "GOMODCACHE="+cache)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.test/real\n\ngo 1.21\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &traced{recording: filepath.Join(dir, "t.pcapng")}
	report := filepath.Join(dir, "t.json")
	c := exec.Command("/proc/self/exe", slices.Concat([]string{"-w", r.recording, "-o", "json=" + report}, argv)...)
	c.Args[0] = "gopx-trace"
	c.Dir = dir
	c.Env = append(os.Environ(), "GOMODCACHE="+cache, "GOFLAGS=-mod=mod", "PWD="+dir)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	_ = c.Run() // the exit code tells
	r.code, r.stderr = c.ProcessState.ExitCode(), stderr.String()
	var err error
	if r.liveJSON, err = os.ReadFile(report); err != nil {
		t.Fatalf("%v\n%s", err, r.stderr)
	}
	r.live = &trace.Trace{}
	if err := json.Unmarshal(r.liveJSON, r.live); err != nil {
		t.Fatal(err)
	}
	return r
}

func serious(t *trace.Trace) []*trace.Finding {
	return slices.DeleteFunc(slices.Clone(t.Findings), func(f *trace.Finding) bool { return f.Severity == trace.Info })
}

// ofTheModule checks the requests of the module itself: answered 200, with
// module, version and purpose.
func ofTheModule(t *testing.T, tr *trace.Trace) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range tr.Requests {
		if r.Module != realModule || strings.HasPrefix(r.Purpose, "sumdb") {
			continue
		}
		seen[r.Purpose] = true
		if r.Status != 200 || r.Version == "" && r.Purpose != trace.PurposeList && r.Purpose != trace.PurposeLatest {
			t.Errorf("request %d %s: status %d, version %q, purpose %q", r.ID, r.URL, r.Status, r.Version, r.Purpose)
		}
	}
	for _, p := range []string{trace.PurposeInfo, trace.PurposeMod, trace.PurposeZip} {
		if !seen[p] {
			t.Errorf("no %s request of %s was seen", p, realModule)
		}
	}
}

// layers checks that names or a proxy, and TLS with its chain, were seen.
func layers(t *testing.T, tr *trace.Trace) {
	t.Helper()
	tls13, tunnel := false, false
	for _, c := range tr.Connections {
		tunnel = tunnel || c.Tunnel != nil
		for _, l := range c.TLS {
			tls13 = tls13 || l.Version == "TLS 1.3" && l.Decrypted && len(l.Certificates) > 0
		}
	}
	if !tls13 {
		t.Error("no opened TLS 1.3 connection with a certificate chain")
	}
	if !tunnel && len(tr.Lookups) == 0 {
		t.Error("neither a lookup nor a proxy was seen")
	}
}

func paths(tr *trace.Trace) []string {
	var list []string
	for _, r := range tr.Requests {
		if r.Protocol == "HTTP/2.0" {
			_, rest, _ := strings.Cut(r.URL, "://")
			_, path, _ := strings.Cut(rest, "/")
			list = append(list, "/"+path)
		}
	}
	slices.Sort(list)
	return list
}

// tsharkPaths are the paths of all HTTP/2 requests that Wireshark sees.
func tsharkPaths(t *testing.T, file string) []string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("tshark is not installed")
	}
	out, err := exec.Command("tshark", "-r", file, "-Y", "http2", "-T", "fields", "-e", "http2.headers.path").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' || r == ',' })
	slices.Sort(list)
	return list
}
