//go:build linux

// Command bench measures what tracing costs: the wall clock and the CPU time of
// a real go mod download, alone, under gopx-trace and beside tcpdump.
//
// Every figure is a ratio of two runs, one right after the other, and stands
// beside a null control: the same ratio of two untraced runs. It also measures
// the report from a large capture file, beside tshark. Run it as root:
//
//	make bench
//	make bench BENCH="-pairs 9 -loads shaped"
//
// docs/performance.md says how to read what it prints.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// options are what was typed.
type options struct {
	pairs  int
	starts int
	large  moduleSet
	small  moduleSet
	mega   int
	dir    string
	tool   string
	loads  string
	// captures are the sizes of the captures to read, in MB.
	captures []int
	// answers is how many small ones there are on each connection in them.
	answers int
}

// The roles of this program: besides measuring it is the other side.
const (
	roleServe = "serve" // the module proxy
	roleHold  = "hold"  // keeps a network namespace
	roleFetch = "fetch" // measures the path to the proxy
	roleClock = "clock" // says when it started
	roleTalk  = "talk"  // is both ends of a capture
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case roleServe:
			return serve(args[1:])
		case roleHold:
			return hold()
		case roleFetch:
			return fetch(args[1:])
		case roleClock:
			return clock()
		case roleTalk:
			return talk(args[1:])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.measure(ctx)
}

// parse reads the command line.
func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.pairs, "pairs", 5, "pairs of runs for each tool and load")
	f.IntVar(&o.starts, "starts", 20, "runs for the time from start to exec")
	f.IntVar(&o.mega, "size", 500, "MB of the large module set")
	f.IntVar(&o.large.Count, "large", 25, "modules in the large set")
	f.IntVar(&o.small.Count, "small", 6700, "modules in the small set; each is three requests")
	f.StringVar(&o.dir, "dir", "", "where module caches and recordings are made (default a tmpfs of our own: a disk adds its noise)")
	f.StringVar(&o.tool, "tool", "./gopx-trace", "the gopx-trace to measure")
	f.StringVar(&o.loads, "loads", strings.Join(loadNames(), ","), "the loads to measure")
	f.IntVar(&o.answers, "answers", 150, "small answers on each connection in a capture, beside 12 MB of others")
	captures := f.String("captures", "100,500", "MB of the captures to report from, ascending; up to 1000 tshark reads them too")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(*captures, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-captures wants numbers from 1 on, not %q", text)
		}
		o.captures = append(o.captures, n)
	}
	if o.pairs < 1 || o.starts < 1 || o.large.Count < 1 || o.small.Count < 1 || o.answers < 0 || o.mega < o.large.Count {
		return nil, errors.New("counts begin at 1, and -size at one MB for each module")
	}
	for _, name := range o.wanted() {
		if !slices.Contains(loadNames(), name) {
			return nil, fmt.Errorf("there is no load %q, but %s", name, strings.Join(loadNames(), ", "))
		}
	}
	o.large.Bytes, o.small.Bytes = o.mega*1e6/o.large.Count, smallBytes
	return o, nil
}

// wanted are the names in -loads.
func (o *options) wanted() []string { return strings.Split(o.loads, ",") }

// tracing says whether something is to be traced.
func (o *options) tracing() bool { return o.loads != loadReport }

// measure runs everything and prints the report to standard output.
func (o *options) measure(ctx context.Context) error {
	b := &bench{options: o, out: os.Stdout}
	if o.tracing() {
		if os.Geteuid() != 0 {
			return errors.New("probes and network namespaces need root: make bench asks sudo for it")
		}
		dir, remove, err := o.scratch()
		if err != nil {
			return err
		}
		defer remove()
		b.dir = dir
	}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if o.tool, err = filepath.Abs(o.tool); err != nil { // the runs have directories of their own
		return err
	}
	fmt.Fprintf(b.out, "%s, %d CPUs, Linux %s, %s, load average %s\n%d pairs, in %s\n", cpuModel(), runtime.NumCPU(),
		kernelRelease(), runtime.Version(), loadAverage(), o.pairs, cmp.Or(o.dir, "a tmpfs, captures in "+os.TempDir()))
	return b.all(ctx)
}
