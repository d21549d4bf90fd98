//go:build linux

package main

import (
	"os"
	"strings"
)

// unknown stands for what a file of /proc does not say.
const unknown = "unknown"

// cpuModel is the processor's name.
func cpuModel() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	return field(string(raw), "model name")
}

// kernelRelease is what uname -r says.
func kernelRelease() string { return first("/proc/sys/kernel/osrelease", 1) }

// loadAverage is how busy the machine was in the last minutes: more than the
// number of CPUs means that the ratios are noise.
func loadAverage() string { return first("/proc/loadavg", 2) }

// first returns the first words of a file.
func first(path string, words int) string {
	raw, err := os.ReadFile(path)
	f := strings.Fields(string(raw))
	if err != nil || len(f) < words {
		return unknown
	}
	return strings.Join(f[:words], " ")
}

// field returns the value of the first line "key : value".
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return unknown
}
