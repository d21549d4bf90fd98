package main

import (
	"math"
	"runtime/debug"
)

// easyMemory is how much memory, in bytes, a report from a file may take before
// the garbage collector is made to work harder: a collection then pays as soon
// as it frees anything, and costs at most half of the time.
const easyMemory = 144 << 20

// sparing keeps the memory of this process small, unless GOMEMLIMIT says how
// much it may be.
func sparing() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(easyMemory)
	}
}
