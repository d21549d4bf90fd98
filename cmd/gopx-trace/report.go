package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

const reportLong = `report makes the same report from a capture file: a recording of gopx-trace
(-w), or what tcpdump and Wireshark write. It needs no privilege, and works on
every system.

FILE is pcap or pcapng, also gzip or zstd compressed, and may be cut or still
being written; - is standard input. TLS is decrypted with the secrets in the
file and those of --keylog.

--host, --conn, --since and --until pick facts, not packets: everything is read
and understood first. The verdict, the counts and the exit code are then about
what is shown; findings are shown as far as that proves them.

The exit code is 0 when a report was made, whatever it found (with
--exit-code=verdict 1 for a fault), and 125 if nothing could be read.`

const reportExamples = `  gopx-trace report trace.pcapng
  gopx-trace report -o json=trace.json --keylog keys.log capture.pcap.gz
  gopx-trace report --host proxy.golang.example --since 1.5s trace.pcapng
  tcpdump -w - tcp or udp | gopx-trace report -`

func newReport(e *env) *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:     "report [flags] FILE|-",
		Short:   "Make the report from a capture file",
		Long:    reportLong,
		Example: reportExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			hints := []string{"gopx-trace report FILE.pcapng, or - for standard input"}
			if len(args) > 1 {
				hints = append(hints, "mergecap -w all.pcapng FILE... makes one of several")
			}
			return fail(fmt.Errorf("report takes one capture file, got %d", len(args)), hints...)
		},
		RunE: func(_ *cobra.Command, args []string) error { return reportFile(e, f, args[0]) },
	}
	reportFlags(cmd.Flags(), f)
	selectFlags(cmd.Flags(), f)
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no text report on standard output")
	cmd.Flags().StringVar(&f.keylog, "keylog", "", "TLS secrets that are not in the capture: an SSLKEYLOGFILE `FILE`")
	complete(cmd)
	return cmd
}

// reportFile reads a capture file and writes the reports; standard output is
// where they go without a file name.
func reportFile(e *env, f *flags, path string) error {
	if err := f.checkSelection(); err != nil {
		return err
	}
	outputs, err := f.prepare(path, f.keylog)
	if err != nil {
		return err
	}
	defer discard(outputs)
	e.collectGarbage(fileGCPercent, fileGCLimit)
	defer e.giveRoom()()
	t, err := f.readCapture(path)
	if err != nil {
		return err
	}
	f.selection.Apply(t)
	if !f.quiet && !slices.ContainsFunc(outputs, func(o *output) bool { return o.path == "" || o.format == "text" }) {
		outputs = append([]*output{{format: "text"}}, outputs...)
	}
	opt := f.options(e, e.stdout.Fd())
	if path != "-" {
		opt.File = path
	}
	for _, o := range outputs {
		if err := o.write(e.stdout, t, opt, ownerOf(e)); err != nil {
			return err
		}
	}
	e.code = f.verdictCode(t, 0)
	return nil
}

// readCapture runs the pipeline over a file. It fails if nothing could be read;
// a file that ends early is told in the trace.
func (f *flags) readCapture(path string) (*trace.Trace, error) {
	src, err := openCapture(path, f.keylog)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	t, err := agent.Options{MaxRequests: f.maxRequests}.Run(src)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		t.NotSeen = append(t.NotSeen, "what comes after the end of the capture file, which is within a packet or block ("+oneLine(err.Error())+"): it was cut, or is still being written")
	case err != nil && t.First.IsZero():
		return nil, fail(fmt.Errorf("nothing in %s could be read: %w", path, err), readable(err, path))
	case err != nil:
		t.NotSeen = append(t.NotSeen, "the capture file is damaged, what came before was read: "+oneLine(err.Error()))
	}
	if t.Packets > 0 && t.Losses.UnreadPackets >= t.Packets && t.Command == nil && len(t.Connections)+len(t.Lookups) == 0 {
		return nil, fail(fmt.Errorf("nothing in %s could be read: %s", path, strings.Join(t.NotSeen, "; ")),
			"record IP packets: tcpdump -i any -w FILE")
	}
	return t, nil
}

func openCapture(path, keylog string) (capture.Source, error) {
	src, err := pcapfile.Open(path)
	if err != nil {
		return nil, fail(err, readable(err, path))
	}
	if keylog == "" {
		return src, nil
	}
	keyed, err := pcapfile.WithKeyLog(src, keylog)
	if err != nil {
		src.Close()
		return nil, fail(err, "--keylog takes a file as SSLKEYLOGFILE writes it")
	}
	return keyed, nil
}

// readable says what to do about a capture file that can't be read.
func readable(err error, path string) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "a recording belongs to who made it and is readable for nobody else: sudo chown $USER " + live.Quote([]string{path})
	case errors.Is(err, fs.ErrNotExist):
		return "name the FILE that was written with -w, or by tcpdump -w"
	case errors.Is(err, syscall.EISDIR):
		return "name one capture file in it; mergecap -w all.pcapng FILE... makes one of several"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it was cut, or whoever writes it has not begun: try again, or record it anew"
	case errors.Is(err, pcapfile.ErrFormat):
		return "gopx-trace report reads pcap and pcapng files, also gzip and zstd compressed; Wireshark's editcap -F pcapng makes them of others"
	}
	return "gopx-trace report reads pcap and pcapng files, also gzip and zstd compressed"
}

// prepare parses the outputs and makes sure that they can be written, each into
// a file of its own that is none of the inputs.
func (f *flags) prepare(inputs ...string) ([]*output, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	outputs, err := parseOutputs(f.outputs)
	if err != nil {
		return nil, err
	}
	files := []string{followed(f.write)}
	for _, o := range outputs {
		files = append(files, o.path)
	}
	if err := cmp.Or(distinctFiles(files), sparesInputs(outputs, inputs)); err != nil {
		return nil, err
	}
	for _, o := range outputs {
		if err := o.open(); err != nil {
			discard(outputs)
			return nil, err
		}
	}
	return outputs, nil
}

func discard(outputs []*output) {
	for _, o := range outputs {
		o.discard()
	}
}

// verdictCode is the exit code: that of the command, or with
// --exit-code=verdict what was found.
func (f *flags) verdictCode(t *trace.Trace, command int) int {
	if f.exitCode != "verdict" {
		return command
	}
	for _, x := range t.Findings {
		if x.Severity == trace.Error {
			return exitFault
		}
	}
	switch t.Verdict.Outcome {
	case trace.Failed, trace.Hung:
		return exitFault
	}
	return 0
}
