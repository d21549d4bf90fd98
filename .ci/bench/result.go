//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// result is what the pairs of one tool gave.
type result struct {
	// wall and cpu are ratios, with the tool to without.
	wall, cpu figures
	// seconds and cpuSeconds are those of the untraced runs.
	seconds, cpuSeconds figures
	// outside are seconds of the tool's own before and after the command.
	outside figures
	// The worst of all runs.
	memory    uint64
	recording int64
	// lost and requests are sums, or -1 if nobody counted.
	lost, requests int64
}

// add takes over a pair: alone, and with the tool.
func (r *result) add(alone, with sample) {
	r.wall = append(r.wall, with.wall.Seconds()/alone.wall.Seconds())
	r.cpu = append(r.cpu, with.cpu.Seconds()/alone.cpu.Seconds())
	r.seconds = append(r.seconds, alone.wall.Seconds())
	r.cpuSeconds = append(r.cpuSeconds, alone.cpu.Seconds())
	r.outside = append(r.outside, with.outside.Seconds())
	r.memory, r.recording = max(r.memory, with.memory), max(r.recording, with.recording)
	r.lost, r.requests = sum(r.lost, with.lost), sum(r.requests, with.requests)
}

// sum adds counts of which a negative one is none.
func sum(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// target is a row of the last table. Less is better.
type target struct {
	what, unit    string
	most, reached float64
}

// String is the row, for a tabwriter.
func (t target) String() string {
	verdict := "reached"
	if t.reached > t.most {
		verdict = "missed"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s", t.what, t.number(t.most), t.number(t.reached), verdict)
}

// number writes a figure with its unit; ratios have none, and three digits.
func (t target) number(x float64) string {
	digits := 0
	if t.unit == "" {
		digits = 3
	}
	return strconv.FormatFloat(x, 'f', digits, 64) + t.unit
}
