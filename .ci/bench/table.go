//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// The rows of bench.tools that the targets are about.
const (
	nullControl = iota
	withTrace
	withRecording
)

// judge compares a load with its targets.
func (b *bench) judge(l load, results []result) {
	null, traced := results[nullControl], results[withTrace]
	b.targets = append(b.targets, target{"wall, " + l.about, "", l.wall, beyond(traced.wall, null.wall)})
	for _, r := range results[withTrace : withRecording+1] {
		b.lost += r.lost
		b.memory = max(b.memory, r.memory)
	}
}

// table prints what the runs of a load gave.
func (b *bench) table(s *site, tools []tool, results []result) error {
	var seconds, cpu figures
	for _, r := range results {
		seconds, cpu = append(seconds, r.seconds...), append(cpu, r.cpuSeconds...)
	}
	fmt.Fprintf(b.out, "untraced: %.2f s, %.2f CPU seconds, %.0f MB/s, %.0f requests/s (medians of %d runs)\n",
		seconds.median(), cpu.median(), float64(s.set.total())/1e6/seconds.median(),
		float64(s.set.requests())/seconds.median(), len(seconds))
	w := tabwriter.NewWriter(b.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ratio to untraced\twall\tCPU seconds\tlost\trequests seen\tmemory\trecording")
	for i, r := range results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", tools[i].name, r.wall.ratio(), r.cpu.ratio(), r.counts(s.set))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(b.out, "of the wall clock of gopx-trace, %.2f s are before and after the command; with -w %.2f s (medians)\n",
		results[withTrace].outside.median(), results[withRecording].outside.median())
	return err
}

// counts is the right half of a row.
func (r *result) counts(set moduleSet) string {
	cells := []string{"-", "-", "-", "-"}
	if r.lost >= 0 {
		cells[0] = strconv.FormatInt(r.lost, 10)
	}
	if r.requests >= 0 {
		cells[1] = fmt.Sprintf("%d of %d", r.requests, set.requests()*len(r.wall))
	}
	if r.memory > 0 {
		cells[2] = fmt.Sprintf("%d MB", r.memory/1e6)
	}
	if r.recording > 0 {
		cells[3] = fmt.Sprintf("%d MB", r.recording/1e6)
	}
	return strings.Join(cells, "\t")
}

// summary prints the targets. Missing one is no error: a busy machine would
// break the build.
func (b *bench) summary() error {
	fmt.Fprintf(b.out, "\nTargets; ratios are those of gopx-trace without what the null control shows too. Load average now: %s\n", loadAverage())
	w := tabwriter.NewWriter(b.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\tat most\treached\t")
	for _, t := range b.targets {
		fmt.Fprintln(w, t)
	}
	return w.Flush()
}
