//go:build linux

package live

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPrograms(t *testing.T) {
	a, b := program{1, 10}, program{1, 11}
	for _, tt := range []struct {
		name string
		do   func(*programs)
		idle []program
	}{
		{"never run", func(r *programs) { r.exit(1); r.fork(1, 2) }, nil},
		{"runs", func(r *programs) { r.exec(1, a, true) }, nil},
		{"ended", func(r *programs) { r.exec(1, a, true); r.exit(1) }, []program{a}},
		{"no probe in it", func(r *programs) { r.exec(1, a, false); r.exit(1) }, nil},
		{"a child runs it", func(r *programs) { r.exec(1, a, true); r.fork(1, 2); r.exit(1) }, nil},
		{"the child ended", func(r *programs) { r.exec(1, a, true); r.fork(1, 2); r.exit(1); r.exit(2) }, []program{a}},
		{"replaced by another", func(r *programs) { r.exec(1, a, true); r.exec(1, b, true) }, []program{a}},
		{"replaced by one without a probe", func(r *programs) { r.exec(1, a, true); r.exec(1, b, false) }, []program{a}},
		{"by itself", func(r *programs) { r.exec(1, a, true); r.exec(1, a, true) }, nil},
		{"run again", func(r *programs) { r.exec(1, a, true); r.exit(1); r.exec(2, a, true) }, nil},
		{"the number used again", func(r *programs) { r.exec(1, a, true); r.exec(2, b, true); r.fork(2, 1) }, []program{a}},
		{"forgotten", func(r *programs) { r.exec(1, a, true); r.exit(1); r.forget(a) }, nil},
		{"too many", func(r *programs) {
			for pid := range uint32(maxPrograms + 1) {
				r.exec(pid, a, true)
			}
			r.exit(1)
			r.exec(1, b, true)
			r.exit(1)
		}, nil},
	} {
		var r programs
		tt.do(&r)
		got := r.unused()
		if len(got) != len(tt.idle) || len(got) == 1 && got[0] != tt.idle[0] {
			t.Errorf("%s: idle %v, want %v", tt.name, got, tt.idle)
		}
	}
}

func TestUnusedIsBounded(t *testing.T) {
	var r programs
	for n := range uint64(100) {
		r.exec(1, program{1, n}, true)
	}
	if got := r.unused(); len(got) != maxAsked {
		t.Errorf("%d at once, want %d", len(got), maxAsked)
	}
}

// A program that was deleted gives its blocks back while the command runs, as it
// does without us. What was thought to be gone is observed if it is run again.
func TestDeletedPrograms(t *testing.T) {
	needRoot(t)
	addr, exe, dir := mustServe(t), mustBuild(t), t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	script := fmt.Sprintf(`
cd %[1]s || exit
settle() { sleep 1.1; for i in 1 2 3 4 5; do /bin/true; done; sleep 0.2; }
used() { stat -f -c '%%b - %%f' . ; }
for i in 1 2 3 4; do cp %[2]s x$i; ./x$i %[3]s; done
ln x1 y; rm x1; settle; ./y %[3]s
used; rm x* y; settle; used`, dir, exe, addr)
	res := mustRun(t, Options{Argv: []string{"sh", "-c", script}}, realKernel(t))
	var total, free, totalAfter, freeAfter int
	if _, err := fmt.Sscanf(res.out, "%d - %d\n%d - %d", &total, &free, &totalAfter, &freeAfter); err != nil || res.code != 0 {
		t.Fatalf("%q %s: %v", res.out, res.errOut, err)
	}
	size, err := os.Stat(exe)
	if err != nil {
		t.Fatal(err)
	}
	if want := 4 * int(size.Size()) / os.Getpagesize(); total-free < want {
		t.Errorf("four programs take %d blocks, want %d at least", total-free, want)
	}
	if used := totalAfter - freeAfter; used > 8 {
		t.Errorf("%d blocks are in use when all is deleted", used)
	}
	if got := len(randoms(res.events)); got != 5 {
		t.Errorf("secrets of %d handshakes, want 5", got)
	}
}
