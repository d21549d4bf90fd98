//go:build linux

package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// The command finds its signals as it would without us: blocked, ignored and
// caught ones. It takes the real binary: what the Go runtime found is looked up in
// the symbol table, which a test binary has not.
func TestSignalDispositions(t *testing.T) {
	needRoot(t)
	exe := filepath.Join(t.TempDir(), "gopx-trace")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, before := range []string{
		"", "trap '' INT;", "trap '' PIPE INT;", "trap '' TERM QUIT USR1;", "trap '' HUP PIPE CHLD ALRM TSTP WINCH;", "set -- nohup;",
		"set -- env --block-signal=USR2,TERM --ignore-signal=PIPE;",
	} {
		look := `"$@" grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status`
		want, err1 := exec.Command("sh", "-c", before+look).Output()
		got, err2 := exec.Command("sh", "-c", before+`set -- "$@" "$0" -q;`+look, exe).Output()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if string(got) != string(want) {
			t.Errorf("%s\nwith us\n%swithout\n%s", before, got, want)
		}
	}
}
