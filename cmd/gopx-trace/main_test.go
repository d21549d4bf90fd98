package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture/live"
)

// TestMain lets the test binary be gopx-trace when it is called by that name,
// so that tests run the real command line without a build step.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "gopx-trace", live.StubName:
		main()
	}
	os.Exit(m.Run())
}

// needRoot skips a test that traces where that is not possible; in CI that is
// a failure.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI must run this as root")
	}
	t.Skip("needs root to load BPF programs and to make network namespaces")
}
