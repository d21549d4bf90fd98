//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// load is something to download over some path.
type load struct {
	name, about string
	network     func(ctx context.Context, self string) (*network, error)
	set         func(*options) moduleSet
	// wall is the most that tracing may multiply the wall clock by.
	wall float64
}

// loads lists what is measured.
func loads() []load {
	large := func(o *options) moduleSet { return o.large }
	return []load{
		{"fast", "loopback at full speed", loopback, large, 1.15},
		{"shaped", "veth at 1 Gbit/s", gigabit, large, 1.02},
		{"small", "loopback, small requests", loopback, func(o *options) moduleSet { return o.small }, 1.05},
	}
}

// loadNames are the values of -loads.
func loadNames() []string {
	var names []string
	for _, l := range loads() {
		names = append(names, l.name)
	}
	return append(names, loadReport)
}

// bench is one run of this program.
type bench struct {
	*options
	dir  string
	self string
	out  io.Writer
	// targets are the rows of the last table.
	targets []target
	// lost and memory are those of gopx-trace over all loads.
	lost   int64
	memory uint64
}

// all measures everything that was asked for.
func (b *bench) all(ctx context.Context) error {
	if b.tracing() {
		if err := b.downloads(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(b.wanted(), loadReport) {
		if err := b.reports(ctx); err != nil {
			return err
		}
	}
	return b.summary()
}

// downloads measures what is traced.
func (b *bench) downloads(ctx context.Context) error {
	if err := b.start(ctx); err != nil {
		return err
	}
	for _, l := range loads() {
		if !slices.Contains(b.wanted(), l.name) {
			continue
		}
		if err := b.load(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", l.about, err)
		}
	}
	b.targets = append(b.targets,
		target{"packets and events lost", " ", 0, float64(b.lost)},
		target{"peak memory", " MB", 300, float64(b.memory) / 1e6})
	return nil
}

// start measures the time from the start of gopx-trace to its command's.
func (b *bench) start(ctx context.Context) error {
	traced, alone, err := b.starts(ctx)
	if err != nil {
		return err
	}
	before, after := figures(traced.before), figures(traced.after)
	fmt.Fprintf(b.out, "\nA command that does nothing, %d runs, ms, median (min-max):\n", len(before))
	w := tabwriter.NewWriter(b.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\tstart to exec\texec to end")
	fmt.Fprintf(w, "alone\t%s\t%s\n", figures(alone.before).spread(), figures(alone.after).spread())
	fmt.Fprintf(w, "gopx-trace\t%s\t%s\n", before.spread(), after.spread())
	b.targets = append(b.targets, target{"start to exec, median", " ms", 150, before.median()})
	return w.Flush()
}

// load measures one load with every tool.
func (b *bench) load(ctx context.Context, l load) error {
	set := l.set(b.options)
	s, err := newSite(ctx, b.self, b.dir, l.network, set)
	if err != nil {
		return err
	}
	defer s.end()
	fmt.Fprintf(b.out, "\n%s: %d modules, %.1f MB, %d requests\n", l.about, set.Count, float64(set.total())/1e6, set.requests())
	if err := b.path(ctx, s); err != nil {
		return err
	}
	if _, err := b.once(ctx, s, untraced); err != nil { // warms the caches
		return err
	}
	tools := b.tools()
	results := make([]result, len(tools))
	for round := range b.pairs {
		for i, t := range tools {
			if err := b.pair(ctx, s, t, round, &results[i]); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	b.judge(l, results)
	return b.table(s, tools, results)
}

// path prints what the path of a large set carries.
func (b *bench) path(ctx context.Context, s *site) error {
	if s.set.Bytes < 1e6 {
		return nil // too short to tell
	}
	speed, err := s.speed(ctx)
	fmt.Fprintf(b.out, "the path carries %.0f Mbit/s of bodies\n", speed)
	return err
}

// pair runs the command untraced and with a tool. Which one is first changes
// from round to round.
func (b *bench) pair(ctx context.Context, s *site, t tool, round int, r *result) error {
	runs := []func(context.Context, *work) (sample, error){untraced, t.run}
	var got [2]sample
	for i := range runs {
		at := (i + round) % 2
		var err error
		if got[at], err = b.once(ctx, s, runs[at]); err != nil {
			return err
		}
	}
	r.add(got[0], got[1])
	fmt.Fprintf(os.Stderr, "  %d %-17s %6.2f s %6.2f CPU-s against %6.2f s %6.2f CPU-s\n", round+1, t.name,
		got[1].wall.Seconds(), got[1].cpu.Seconds(), got[0].wall.Seconds(), got[0].cpu.Seconds())
	return nil
}

// once runs the command once in an empty place.
func (b *bench) once(ctx context.Context, s *site, run func(context.Context, *work) (sample, error)) (sample, error) {
	w, err := s.newWork()
	if err != nil {
		return sample{}, err
	}
	got, err := run(ctx, w)
	if err == nil {
		err = w.complete()
	}
	if err != nil {
		return got, err // the place stays until the end, for nobody to see
	}
	return got, w.remove()
}
