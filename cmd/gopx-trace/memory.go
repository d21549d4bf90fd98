package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

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
	// fileGCLimit on a collection pays as soon as it frees anything. Where what
	// is in use comes near it, there is nothing to free: see [env.giveRoom].
	fileGCPercent = 100
	fileGCLimit   = 144 << 20
	roomAt        = fileGCLimit / 4 * 3
	roomPause     = 200 * time.Millisecond
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

// giveRoom lifts the limit of a report from a file once its facts alone come
// near it: half of the time would go to collections that free nothing. It
// returns what ends the watch.
func (e *env) giveRoom() (stop func()) {
	done := make(chan struct{})
	go func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		pause := time.NewTicker(roomPause)
		defer pause.Stop()
		for {
			select {
			case <-done:
				return
			case <-pause.C:
			}
			metrics.Read(live)
			if live[0].Value.Kind() != metrics.KindUint64 || live[0].Value.Uint64() < roomAt {
				continue
			}
			e.collectGarbage(fileGCPercent, gcLimit)
			return
		}
	}()
	return func() { close(done) }
}
