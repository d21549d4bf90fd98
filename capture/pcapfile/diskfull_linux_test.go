package pcapfile

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// smallDisk names the directory that the child of TestDiskFull mounts a small
// file system on.
const smallDisk = "PCAPFILE_TEST_SMALL_DISK"

// TestDiskFull runs tests on a file system of 4 MiB in a mount namespace of its own.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
			t.Fatal(err)
		}
		t.Run("error", func(t *testing.T) { testDiskFull(t, filepath.Join(dir, "error"), Options{}, 0) })
		t.Run("compaction", func(t *testing.T) {
			testDiskFull(t, filepath.Join(dir, "compaction"), Options{MaxBytes: 3 << 20}, 0)
		})
		t.Run("other secrets", func(t *testing.T) { testDiskFull(t, filepath.Join(dir, "secrets"), Options{}, 10) })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("may not make a mount namespace:", err)
	}
	if err != nil || strings.Count(string(out), "--- PASS") != 4 {
		t.Errorf("%v\n%s", err, out)
	}
}

// testDiskFull writes until the disk is full: one error, and what was written
// before it stays readable.
func testDiskFull(t *testing.T, path string, o Options, secrets int) {
	defer os.Remove(path)
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	random := newRandomEvents(51)
	random.packetSize = 60000
	var want []capture.Event
	for i := 0; err == nil; i++ {
		var e capture.Event
		if i < secrets {
			e = random.secret()
		} else {
			e = random.packet()
		}
		want = append(want, e)
		err = w.Write(e)
		if len(want) > 10000 {
			t.Fatal("the disk is never full")
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want ENOSPC with the path", err)
	}
	if err := w.Write(want[0]); err != nil {
		t.Errorf("Write after the error: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close after the error: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := drain(t, r)
	if !errors.Is(err, io.EOF) {
		t.Errorf("the file ends with %v, want EOF: not cut at a block", err)
	}
	if len(got) < 30 {
		t.Errorf("only %d events are left of %d", len(got), len(want))
	}
	for i := range got {
		if i < len(want) && !reflect.DeepEqual(want[i], got[i]) && !isLeftover(got[i]) {
			t.Fatalf("event %d is %T, want %T", i, got[i], want[i])
		}
	}
}
