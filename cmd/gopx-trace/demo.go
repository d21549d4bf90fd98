//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gopx-trace/gopx-trace/capture/lab"
	"github.com/gopx-trace/gopx-trace/capture/live"
)

const demoLong = `demo builds a small network inside this machine (network namespaces: a resolver,
an HTTP proxy, a module proxy, its CDN, a checksum database, a git host), breaks
it as you choose, and traces a real go get in it. No packet leaves the machine.

Without a name it shows a healthy run and one that the HTTP proxy breaks.`

// shown are the faults that demo shows when none is named.
func shown() []string { return []string{"healthy-proxy", "proxy-403-cdn"} }

func newDemo(e *env) *cobra.Command {
	var list bool
	var pass []string
	cmd := &cobra.Command{
		Use:     "demo [flags] [FAULT]...",
		Short:   "Trace go get in a network that is broken on purpose",
		Long:    demoLong,
		Example: "  sudo gopx-trace demo\n  sudo gopx-trace demo dns-nxdomain\n  gopx-trace demo --list",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return faultNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, names []string) error {
			if list {
				return listFaults(e)
			}
			if len(names) == 0 {
				names = shown()
			}
			return demo(e, names, pass)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the faults")
	cmd.Flags().StringArrayVar(&pass, "with", nil, "a `FLAG` for the traced run, e.g. --with=-v --with=-w=/tmp/demo.pcapng; may be repeated")
	return cmd
}

// faultNames are what demo completes to, each with its description.
func faultNames() []string {
	var names []string
	for _, f := range lab.Faults() {
		names = append(names, f.Name+"\t"+f.About)
	}
	return names
}

// faultOf is the first fault of the lab that a rule explains; empty without one.
func faultOf(rule string) string {
	for _, f := range lab.Faults() {
		if f.Rule == rule {
			return f.Name
		}
	}
	return ""
}

func listFaults(e *env) error {
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	for _, f := range lab.Faults() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, f.Hop, f.About)
	}
	return w.Flush()
}

func demo(e *env, names, pass []string) error {
	var faults []lab.Fault
	for _, n := range names {
		f, ok := lab.FaultNamed(n)
		if !ok {
			return fail(fmt.Errorf("there is no fault %q in the lab", n), "gopx-trace demo --list")
		}
		faults = append(faults, f)
	}
	if os.Geteuid() != 0 {
		return fail(errors.New("the lab needs root: it makes network namespaces"), asRoot(e))
	}
	for _, f := range faults {
		if err := show(e, f, pass); err != nil {
			return err
		}
	}
	return nil
}

// show builds the fault's network and traces its command in it.
func show(e *env, f lab.Fault, pass []string) error {
	l, err := lab.Start(f.Build())
	if err != nil {
		return fail(err, "the kernel must allow network namespaces and veth pairs: ip netns add x")
	}
	defer l.Close()
	dir, err := l.Dir()
	if err != nil {
		return fail(err)
	}
	args := slices.Concat(pass, f.Argv())
	if f.Patience > 0 {
		args = slices.Concat([]string{"--timeout=" + f.Patience.String()}, args)
	}
	fmt.Fprintf(e.stderr, "\n--- %s: %s\n$ sudo gopx-trace %s\n", f.Name, f.About, live.Quote(args))
	c := l.Command(context.Background(), "/proc/self/exe", args...)
	c.Args[0] = "gopx-trace"
	c.Dir, c.Stdin, c.Stdout, c.Stderr = dir, e.stdin, e.stdout, e.stderr
	ended, err := runShown(c)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fail(err)
	}
	if code := c.ProcessState.ExitCode(); code == exitFailure {
		return fail(errors.New("the traced run failed"))
	}
	if ended != 0 {
		return &failure{err: fmt.Errorf("the demo was ended: %v", ended), code: 128 + int(ended)}
	}
	if err := f.Happened(l); err != nil {
		return fail(fmt.Errorf("the fault %s did not happen: %w", f.Name, err))
	}
	return nil
}
