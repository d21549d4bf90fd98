package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestSparing(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	if sparing(); debug.SetMemoryLimit(-1) != easyMemory {
		t.Error("nobody asked for memory, and all may be taken")
	}
	debug.SetMemoryLimit(7 << 30) // as GOMEMLIMIT does
	if sparing(); debug.SetMemoryLimit(-1) != 7<<30 {
		t.Error("what the user asked for was changed")
	}
}
