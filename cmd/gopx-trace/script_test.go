package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The binary from outside, one file for each subject: testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	exe := filepath.Join(t.TempDir(), "gopx-trace")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	faults, err := filepath.Abs("../../testdata/faults")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(exe)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("FAULTS", faults)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, nil
		},
	})
}
