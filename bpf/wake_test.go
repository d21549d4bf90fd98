//go:build linux

package bpf

import (
	"net"
	"testing"
	"time"
)

// Who waits for long is woken when a part of the ring is full, long before that time.
func TestWake(t *testing.T) {
	const wait = 20 * time.Second
	w := watch(t, Options{RingBytes: 1 << 20})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := w.into(self("fetch", l.Addr().String()))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() // it ends when the connection does
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		time.Sleep(100 * time.Millisecond) // the reader is to be asleep by then
		conn.Write(make([]byte, 3*(1<<20)/wakeParts))
	}()
	start, got := time.Now(), 0
	for got < 1<<20/wakeParts {
		var s Sample
		if err := w.Read(&s, wait); err != nil {
			t.Fatalf("%d bytes, then %v", got, err)
		}
		got += len(s.Packet.Data)
	}
	if d := time.Since(start); d > wait/2 {
		t.Errorf("the reader slept on for %v", d)
	}
}
