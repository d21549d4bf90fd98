//go:build linux

package bpf

import (
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	start := time.Now()
	p, err := Load(Options{Cgroup: "/sys/fs/cgroup/unified"})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Log(time.Since(start), p.Missing())
	start = time.Now()
	p.Close()
	t.Log(time.Since(start))
}
