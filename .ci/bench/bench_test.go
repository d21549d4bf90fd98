//go:build linux

package main

import (
	"archive/zip"
	"bytes"
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   figures
		want float64
	}{
		{nil, 0},
		{figures{3}, 3},
		{figures{9, 1, 2}, 2},
		{figures{4, 1, 3, 2}, 2.5},
	} {
		if got := c.in.median(); got != c.want {
			t.Errorf("median of %v = %v, want %v", c.in, got, c.want)
		}
	}
	f := figures{3, 1, 2}
	if f.median(); f[0] != 3 {
		t.Error("median sorted the figures of its caller: pairs would be torn apart")
	}
}

func TestBeyond(t *testing.T) {
	for _, c := range []struct{ ratio, null, want float64 }{
		{1.10, 1.03, 1.07},
		{1.10, 1.00, 1.10},
		{1.10, 0.90, 1.10}, // a lucky null control excuses nothing
	} {
		if got := beyond(figures{c.ratio}, figures{c.null}); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("beyond(%v, %v) = %v, want %v", c.ratio, c.null, got, c.want)
		}
	}
}

func TestResultPairs(t *testing.T) {
	var r result
	alone := sample{wall: time.Second, cpu: 2 * time.Second}
	r.add(alone, sample{wall: 2 * time.Second, cpu: 2 * time.Second, lost: 3, requests: 5, memory: 7})
	r.add(alone, sample{wall: time.Second, cpu: 4 * time.Second, lost: 1, requests: 5, memory: 6})
	if r.wall[0] != 2 || r.wall[1] != 1 || r.cpu[0] != 1 || r.cpu[1] != 2 {
		t.Errorf("ratios %v and %v, want 2 1 and 1 2", r.wall, r.cpu)
	}
	if r.lost != 4 || r.requests != 10 || r.memory != 7 {
		t.Errorf("lost %d, requests %d, memory %d, want 4, 10, 7", r.lost, r.requests, r.memory)
	}
	r.add(alone, sample{wall: time.Second, lost: -1, requests: -1})
	if r.lost != -1 {
		t.Error("one run that nobody counted makes the sum unknown")
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		target
		want string
	}{
		{target{"wall", "", 1.15, 1.1501}, "wall\t1.150\t1.150\tmissed"},
		{target{"wall", "", 1.15, 1.15}, "wall\t1.150\t1.150\treached"},
		{target{"start", " ms", 150, 93.6}, "start\t150 ms\t94 ms\treached"},
	} {
		if got := c.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestHighWater(t *testing.T) {
	for text, want := range map[string]uint64{
		"Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t  171520 kB\nVmRSS:\t 1 kB\n": 171520 << 10,
		"Name:\tzombie\n":         0,
		"VmHWM:\t-3 kB\n":         0,
		"VmHWM:\t1 pages\n":       0,
		"Name:\tVmHWM: 4711 kB\n": 0,
	} {
		if got := highWater(text); got != want {
			t.Errorf("highWater(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestDroppedByKernel(t *testing.T) {
	got, err := droppedByKernel("10 packets captured\n12 packets received by filter\n8854 packets dropped by kernel\n")
	if err != nil || got != 8854 {
		t.Errorf("got %d, %v, want 8854", got, err)
	}
	if _, err := droppedByKernel("tcpdump: eth0: No such device\n"); err == nil {
		t.Error("no count must be an error, not a count of 0")
	}
}

func TestReadReport(t *testing.T) {
	s := sample{wall: 3 * time.Second}
	err := s.read([]byte(`{"command":{"duration_ms":2500},"requests":[{"status":200},{"status":404},{"status":200}],"losses":{"packets":3,"events":1,"missed_bytes":9}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.lost != 4 || s.requests != 2 || s.outside != 500*time.Millisecond {
		t.Errorf("lost %d, requests %d, outside %v, want 4, 2, 500ms", s.lost, s.requests, s.outside)
	}
	if s.read([]byte("{")) == nil {
		t.Error("half a report must be an error")
	}
}

func TestMemoryWatch(t *testing.T) {
	w := watchMemory(os.Getpid())
	time.Sleep(5 * memoryEvery)
	if got := w.stop(); got < 1<<20 {
		t.Errorf("peak of this process = %d bytes", got)
	}
}

func TestModules(t *testing.T) {
	set := moduleSet{Count: 3, Bytes: 100}
	files, err := set.files()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != set.requests() {
		t.Errorf("%d files, want %d", len(files), set.requests())
	}
	m, err := modfile.Parse("go.mod", set.goMod(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Require {
		if err := module.Check(r.Mod.Path, r.Mod.Version); err != nil {
			t.Error(err)
		}
		checkZip(t, r.Mod, files["/"+r.Mod.Path+"/@v/"+r.Mod.Version+".zip"], set.Bytes)
	}
}

// checkZip sees whether the go command will take the zip.
func checkZip(t *testing.T, m module.Version, raw []byte, size int) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "m.zip")
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	checked, err := modzip.CheckZip(m, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := checked.Err(); err != nil {
		t.Error(err)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, ".bin") && f.UncompressedSize64 != uint64(size) {
			t.Errorf("%s has %d bytes, want %d", f.Name, f.UncompressedSize64, size)
		}
	}
}

func TestProxy(t *testing.T) {
	files, err := moduleSet{Count: 1, Bytes: 1}.files()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/" + modulePath(0) + "/@v/v1.0.0.mod": http.StatusOK,
		"/" + modulePath(1) + "/@v/v1.0.0.mod": http.StatusNotFound,
	} {
		w := httptest.NewRecorder()
		proxy(files).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-size", "50", "-large", "5", "-loads", "small,fast"})
	if err != nil {
		t.Fatal(err)
	}
	if o.large.total() != 50e6 {
		t.Errorf("large set of %d bytes, want 50 MB", o.large.total())
	}
	if !slices.Equal(o.captures, []int{100, 500}) || !o.tracing() {
		t.Errorf("captures %v, tracing %v", o.captures, o.tracing())
	}
	for _, bad := range [][]string{{"-captures", ""}, {"-captures", "100,-1"}, {"-pairs", "0"}, {"-loads", "fats"}, {"-size", "0"}, {"-nosuch"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("parse(%q) took it", bad)
		}
	}
}

// TestSites downloads a little set over each network, untraced.
func TestSites(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	self := filepath.Join(t.TempDir(), "bench")
	build(t, self)
	for _, l := range loads() {
		t.Run(l.name, func(t *testing.T) {
			s, err := newSite(t.Context(), self, t.TempDir(), l.network, moduleSet{Count: 4, Bytes: 2e6})
			if err != nil {
				t.Fatal(err)
			}
			defer s.end()
			speed, err := s.speed(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if l.name == "shaped" && (speed < 100 || speed > 1500) {
				t.Errorf("the shaped path carries %.0f Mbit/s", speed)
			}
			downloads(t, s)
		})
	}
}

// build builds this program.
func build(t *testing.T, file string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// downloads runs the command once and wants the set in its cache, and an error
// from a run that was interrupted.
func downloads(t *testing.T, s *site) {
	b := &bench{}
	got, err := b.once(t.Context(), s, untraced)
	if err != nil {
		t.Fatal(err)
	}
	if got.wall <= 0 || got.cpu <= 0 {
		t.Errorf("a download that cost nothing: %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.once(ctx, s, untraced); err == nil {
		t.Error("an interrupted run counted")
	}
}
