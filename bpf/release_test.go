//go:build linux

package bpf

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
)

// Close does not wait until everything is detached, but soon it is.
func TestClose(t *testing.T) {
	dir := newCgroup(t)
	p, err := Load(Options{Cgroup: dir, RingBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AttachTLS("/proc/self/exe"); err != nil {
		t.Fatal(err)
	}
	links := append([]link.Link(nil), p.links...)
	for _, e := range p.executables {
		links = append(links, e.link)
	}
	ids := make([]link.ID, len(links))
	for i, l := range links {
		info, err := l.Info()
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = info.ID
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := alive(ids)
		if left == 0 && attached(t, dir) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d links are left", left, len(ids))
		}
	}
	if err := p.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// alive counts the links that the kernel still has.
func alive(ids []link.ID) int {
	n := 0
	for _, id := range ids {
		if l, err := link.NewFromID(id); err == nil {
			l.Close()
			n++
		}
	}
	return n
}

// An executable ahead has its probe without more ado; one that cannot have it is
// told by AttachTLS only.
func TestAhead(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	w := watch(t, Options{RingBytes: 1 << 20, Ahead: []string{absent, "/proc/self/exe"}})
	deadline := time.Now().Add(10 * time.Second)
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		n = len(w.executables)
		w.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatal("no executable has a probe")
		}
	}
	if err := w.AttachTLS("/proc/self/exe"); err != nil || len(w.executables) != 1 {
		t.Errorf("again: %v, %d executables", err, len(w.executables))
	}
	if err := w.AttachTLS(absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v, want %v", err, os.ErrNotExist)
	}
}
