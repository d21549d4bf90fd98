package agent

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

const (
	// corpusSeed makes the damage the same in every run.
	corpusSeed = 20261122
	// damages is how often each recording of testdata is cut, and how often a
	// byte of it is changed; captures of GOPX_CORPUS are damaged more often.
	damages, corpusDamages = 3, 20
	// maxUnderstanding is how long a capture may take.
	maxUnderstanding = 30 * time.Second
)

// TestDamagedRecordings reads every recording of testdata whole, cut anywhere
// and with bytes changed: nothing may crash or hang.
func TestDamagedRecordings(t *testing.T) { damageAll(t, "../testdata", damages) }

// TestDamagedCorpus does the same with the captures below GOPX_CORPUS.
func TestDamagedCorpus(t *testing.T) {
	dir := os.Getenv("GOPX_CORPUS")
	if dir == "" {
		t.Skip("GOPX_CORPUS names no folder of captures")
	}
	damageAll(t, dir, corpusDamages)
}

func damageAll(t *testing.T, dir string, times int) {
	t.Logf("seed %d", corpusSeed)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name := filepath.Base(path); err != nil || d.IsDir() || !strings.Contains(name, "cap") ||
			strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".keylog") {
			return err
		}
		files++
		damage(t, path, times)
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d captures in %s: %v", files, dir, err)
	}
}

// damage understands the capture at path whole and damaged.
func damage(t *testing.T, path string, times int) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys := path + ".keylog"
	if _, err := os.Stat(keys); err != nil {
		keys = ""
	}
	random := rand.New(rand.NewPCG(corpusSeed, uint64(len(whole))))
	understand(t, path, "whole", whole, keys)
	all := slices.Clone(whole)
	for range times {
		at := random.IntN(len(whole))
		understand(t, path, "cut", whole[:at], keys)
		bit := byte(1) << random.IntN(8)
		all[at] ^= bit
		one := slices.Clone(whole)
		one[at] ^= bit
		understand(t, path, "one bit flipped", one, keys)
	}
	understand(t, path, "bits flipped", all, keys)
}

// understand runs b, which is path damaged in some way, with a time limit.
func understand(t *testing.T, path, how string, b []byte, keys string) {
	t.Helper()
	watch := time.AfterFunc(maxUnderstanding, func() { panic(path + ", " + how + ": takes too long") })
	defer watch.Stop()
	defer func() {
		if p := recover(); p != nil {
			name := filepath.Join(os.TempDir(), "damaged-"+filepath.Base(path))
			t.Errorf("%s, %s: %v; saved as %s (%v)", path, how, p, name, os.WriteFile(name, b, 0o600))
		}
	}()
	r, err := pcapfile.NewReader(bytes.NewReader(b))
	if err != nil {
		return // refused
	}
	var src capture.Source = r
	if keys != "" {
		if src, err = pcapfile.WithKeyLog(r, keys); err != nil {
			t.Fatal(err)
		}
	}
	defer src.Close()
	tr, err := Run(src)
	if tr == nil || err == io.EOF {
		t.Errorf("%s, %s: no trace, %v", path, how, err)
	}
}
