package main

import "runtime/debug"

// What the garbage collector is told, in percent and bytes; see
// [runtime/debug.SetGCPercent] and [runtime/debug.SetMemoryLimit].
const (
	// A trace only grows, so that collecting garbage finds little, and does it
	// beside the command. Up to gcLimit the heap may therefore grow by more than
	// the 100 % that the runtime begins with; a run of 20,000 requests ends far
	// below.
	gcPercent = 400
	gcLimit   = 1 << 30
	// A report from a file disturbs nobody, and files are larger. From
	// fileGCLimit on a collection pays as soon as it frees anything; it costs at
	// most half of the time.
	fileGCPercent = 100
	fileGCLimit   = 144 << 20
)

// collectGarbage tells the collector what the user did not, with GOGC and
// GOMEMLIMIT.
func (e *env) collectGarbage(percent int, limit int64) {
	if e.getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if e.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}
