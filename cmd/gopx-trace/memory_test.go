package main

import (
	"runtime/debug"
	"testing"
)

func TestCollectGarbage(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(5<<30)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	for _, test := range []struct {
		environ []string
		percent int
		limit   int64
	}{
		{nil, 300, 7 << 30},
		{[]string{"GOGC=50"}, 100, 7 << 30},
		{[]string{"GOMEMLIMIT=1GiB"}, 300, 5 << 30},
	} {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(5 << 30)
		(&env{environ: test.environ}).collectGarbage(300, 7<<30)
		gotPercent, gotLimit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
		if gotPercent != test.percent || gotLimit != test.limit {
			t.Errorf("%q: %d %%, %d bytes, want %d %%, %d", test.environ, gotPercent, gotLimit, test.percent, test.limit)
		}
	}
}
