package agent

import (
	"runtime"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// weighed is a source that measures the heap on the way.
type weighed struct {
	*traffic
	// at are the packets at which it does.
	at   []int
	heap []uint64
}

func (w *weighed) Next() (capture.Event, error) {
	if len(w.at) > 0 && w.frame == w.at[0] {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.at, w.heap = w.at[1:], append(w.heap, m.HeapAlloc)
	}
	return w.traffic.Next()
}

// downloads is a connection with one long answer.
func downloads(size int) func(*conversation) {
	segment := strings.Repeat("x", 32<<10)
	return func(c *conversation) {
		c.say(0, 0x02, "")
		c.say(1, 0x12, "")
		c.say(0, 0x18, "GET /large HTTP/1.1\r\nHost: example.test\r\n\r\n")
		c.say(1, 0x18, "HTTP/1.0 200 OK\r\n\r\n")
		for range size / len(segment) {
			c.say(1, 0x18, segment)
		}
		c.say(1, 0x11, "")
		c.say(0, 0x11, "")
	}
}

// TestMemoryIsThatOfWhatIsOpen reads 256 MiB of downloads, one after the other:
// four times as much of a capture takes no more memory.
func TestMemoryIsThatOfWhatIsOpen(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 256 MiB")
	}
	const (
		connections = 128
		size        = 2 << 20
		packets     = connections * (6 + size>>15)
	)
	w := &weighed{
		traffic: &traffic{connections: connections, kind: func(int) func(*conversation) { return downloads(size) }},
		at:      []int{packets / 4, packets - 1},
	}
	if _, err := (Options{MaxRequests: 10}).Run(w); err != nil {
		t.Fatal(err)
	}
	if len(w.heap) != 2 || w.heap[1] > w.heap[0]+4<<20 {
		t.Errorf("the heap after a quarter of the capture and at its end, in bytes: %v", w.heap)
	}
}
