package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
	"github.com/gopx-trace/gopx-trace/report"
)

// flags are what was typed.
type flags struct {
	outputs  []string
	color    string
	verbose  bool
	noRedact bool
	exitCode string
	// of a run only
	quiet   bool
	write   string
	maxSize size
	timeout time.Duration
	stall   time.Duration
	// of a capture file only
	keylog      string
	selection   agent.Selection
	maxRequests int
}

const rootLong = `gopx-trace runs COMMAND, watches the DNS, TCP, TLS and HTTP traffic of exactly
its processes (decrypted, without a man in the middle) and, when it has ended,
says which link of the Go module proxy chain fails, why, and what to type.

The command keeps its terminal, its input and output and its exit code; what
gopx-trace has to say goes to standard error. Under sudo the command runs as
you, with your own environment.`

const rootExamples = `  sudo gopx-trace go get golang.org/x/text
  sudo gopx-trace -v -o json=trace.json go mod download
  sudo gopx-trace -w trace.pcapng go build ./...     # opens decrypted in Wireshark
  sudo HTTPS_PROXY=http://10.0.0.1:3128 gopx-trace go get example.com/mod
  gopx-trace report trace.pcapng                     # the same report, later, elsewhere
  sudo gopx-trace -- report                          # runs a program that is called report`

func newRoot(e *env) *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:                        "gopx-trace [flags] COMMAND [ARGS...]",
		Short:                      "Say which link of the Go module proxy chain fails, and how to fix it",
		Long:                       rootLong,
		Example:                    rootExamples,
		Version:                    version(),
		Args:                       cobra.ArbitraryArgs,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(c *cobra.Command, args []string) error { return traceCommand(e, f, args) },
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		hint := c.CommandPath() + " --help lists the flags"
		switch c.Name() {
		case "demo":
			hint += "; those of the traced run go behind --with, as in --with=--stall=2s"
		case "gopx-trace":
			hint += "; those of the command itself come after its name"
		}
		return fail(err, hint)
	})
	cmd.SetVersionTemplate("gopx-trace {{.Version}}\n")
	fl := cmd.Flags()
	fl.SetInterspersed(false)
	reportFlags(fl, f)
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no text report on standard error")
	fl.StringVarP(&f.write, "write", "w", "", "keep the recording as a pcapng `FILE` (mode 0600: it holds the TLS secrets)")
	fl.Var(&f.maxSize, "max-size", "bound the recording, at least 1MiB, e.g. 200MB: the oldest bodies are cut first")
	fl.DurationVar(&f.stall, "stall", 5*time.Second, "say on standard error what is awaited after no progress for so long; 0 never says it")
	fl.DurationVar(&f.timeout, "timeout", 0, "end the command after this time, e.g. 2m (exit code 124)")
	complete(cmd)
	cmd.AddCommand(newReport(e), newExplain(e), newDemo(e), newMan(cmd))
	return cmd
}

// reportFlags are the flags of everything that writes a report.
func reportFlags(fl *pflag.FlagSet, f *flags) {
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "also write a report: `FORMAT[=FILE]`, FORMAT is one of "+formatNames()+"; may be repeated")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "add every fetch, request, lookup, connection and process to the text report")
	fl.StringVar(&f.color, "color", "auto", "colour the text report: `WHEN` is auto, always or never")
	fl.BoolVar(&f.noRedact, "no-redact", false, "show passwords, tokens and cookies instead of ***")
	fl.StringVar(&f.exitCode, "exit-code", "command", "`WHICH`: command is the command's own (0 for a capture file), verdict is 0 without and 1 with a fault")
}

func formatNames() string {
	s := ""
	for i, f := range report.Formats() {
		if i > 0 {
			s += ", "
		}
		s += f.Name
	}
	return s
}

// complete makes the shell offer the values of the flags of a report.
func complete(cmd *cobra.Command) {
	for name, values := range map[string][]string{
		"output": strings.Split(formatNames(), ", "), "color": {"auto", "always", "never"}, "exit-code": {"command", "verdict"},
	} {
		// the only error is a flag that does not exist
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoSpace))
	}
}

// check refuses values that no flag type can.
func (f *flags) check() error {
	if !slices.Contains([]string{"auto", "always", "never"}, f.color) {
		return fail(fmt.Errorf("--color %q is not auto, always or never", f.color), "leave it out, or use --color=never")
	}
	if !slices.Contains([]string{"command", "verdict"}, f.exitCode) {
		return fail(fmt.Errorf("--exit-code %q is not command or verdict", f.exitCode), "use --exit-code=verdict to get 1 for a fault")
	}
	if f.maxSize != 0 && (f.write == "" || f.maxSize < pcapfile.MinMaxBytes) {
		return fail(fmt.Errorf("--max-size bounds the recording of -w FILE, which needs at least %d bytes", pcapfile.MinMaxBytes), "gopx-trace -w FILE --max-size 200MB ...")
	}
	if f.stall < 0 {
		return fail(fmt.Errorf("--stall %v is no time to wait", f.stall), "--stall 5s, or --stall 0 to be silent")
	}
	if f.timeout < 0 {
		return fail(fmt.Errorf("--timeout %v is in the past", f.timeout), "--timeout 2m")
	}
	return nil
}

// options returns how a report on the stream fd is to look.
func (f *flags) options(e *env, fd uintptr) report.Options {
	color := f.color == "always"
	if f.color == "auto" {
		color = e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb" &&
			(term.IsTerminal(int(fd)) || e.getenv("CLICOLOR_FORCE") != "")
	}
	return report.Options{Verbose: f.verbose, Color: color, ShowSecrets: f.noRedact}
}

// version is the module version that the go command built in, or the revision.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return v + " " + info.GoVersion
}
