//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// loadReport is the load of this file: reports from capture files.
const loadReport = "report"

// beside is the largest capture, in bytes, that tshark reads too: of larger ones
// it wants minutes and more memory than there may be.
const beside = 1e9

// The targets for a report from a capture file: a part of the time that tshark
// takes, memory in bytes, and how much longer a MB of the largest file may take
// than one of the smallest.
const (
	reportShare  = 0.1
	reportMemory = 200e6
	reportGrowth = 1.15
)

// reading is what one program did with one capture.
type reading struct {
	seconds, cpu figures
	memory       uint64
	requests     int64
}

// add takes a run over.
func (r *reading) add(s sample) {
	r.seconds, r.cpu = append(r.seconds, s.wall.Seconds()), append(r.cpu, s.cpu.Seconds())
	r.memory, r.requests = max(r.memory, s.memory), s.requests
}

// reports measures reports from captures of the sizes that were asked for.
func (b *bench) reports(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.options.dir, "gopx-trace-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(b.out, "\nReports from capture files, medians of the runs; every answer's length and digest was compared with what was sent.")
	w := tabwriter.NewWriter(b.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "capture\tprogram\tseconds\tMB/s\tCPU seconds\tmemory\trequests\tof tshark's time")
	var each figures // seconds for a MB
	for _, n := range b.captures {
		per, err := b.capture(ctx, w, dir, n)
		if err != nil {
			return fmt.Errorf("capture of %d MB: %w", n, err)
		}
		each = append(each, per)
	}
	if last := len(each) - 1; last > 0 {
		b.targets = append(b.targets, target{"report: time for a MB, last capture against first", "", reportGrowth, each[last] / each[0]})
	}
	return w.Flush()
}

// capture makes a capture with n MB of answers, measures and writes its rows.
// It returns the seconds that a MB of it took us.
func (b *bench) capture(ctx context.Context, out *tabwriter.Writer, dir string, n int) (float64, error) {
	c, err := newCapture(ctx, b.self, filepath.Join(dir, "capture.pcapng"), megabytes(n, b.answers))
	if err != nil {
		return 0, err
	}
	var ours, theirs reading
	for range b.pairs {
		if err := b.read(ctx, dir, c, &ours, &theirs); err != nil {
			return 0, err
		}
	}
	share := ""
	if len(theirs.seconds) > 0 {
		c.row(out, "tshark", &theirs, "1")
		ratio := ours.seconds.median() / theirs.seconds.median()
		share = fmt.Sprintf("%.3f, 1/%.1f", ratio, 1/ratio)
		b.targets = append(b.targets, target{fmt.Sprintf("report, %d MB: of tshark's time", n), "", reportShare, ratio})
	}
	c.row(out, "gopx-trace", &ours, share)
	b.targets = append(b.targets, target{fmt.Sprintf("report, %d MB: peak memory", n), " MB", reportMemory / 1e6, float64(ours.memory) / 1e6})
	return ours.seconds.median() / float64(c.size) * 1e6, c.remove()
}

// row writes what a program did.
func (c *captured) row(out *tabwriter.Writer, name string, r *reading, share string) {
	mega := float64(c.size) / 1e6
	fmt.Fprintf(out, "%.0f MB\t%s\t%s\t%.0f\t%.2f\t%d MB\t%d of %d\t%s\n", mega, name, r.seconds.seconds(), mega/r.seconds.median(),
		r.cpu.median(), r.memory/1e6, r.requests, len(c.answers), share)
}

// read has both programs read the capture, one right after the other.
func (b *bench) read(ctx context.Context, dir string, c *captured, ours, theirs *reading) error {
	s, err := c.report(ctx, b.tool, filepath.Join(dir, "report.json"))
	if err != nil {
		return err
	}
	ours.add(s)
	if _, err := exec.LookPath("tshark"); err != nil || c.size > beside {
		return nil
	}
	if s, err = c.tshark(ctx, dir); err != nil {
		return err
	}
	theirs.add(s)
	return nil
}

// report makes the JSON report and checks it.
func (c *captured) report(ctx context.Context, tool, to string) (sample, error) {
	s, err := cost(exec.CommandContext(ctx, tool, "report", "-q", "-o", "json="+to, "--keylog", c.keys, c.file))
	if err != nil {
		return s, err
	}
	raw, err := os.ReadFile(to)
	if err != nil {
		return s, err
	}
	s.requests = int64(len(c.answers))
	return s, c.check(raw)
}

// tshark lists the requests and the answers. It reads the file once, decrypts,
// puts bodies together as it does by default, and prints what little a report
// needs at least; names are not looked up. It makes no digests.
func (c *captured) tshark(ctx context.Context, dir string) (sample, error) {
	cmd := exec.CommandContext(ctx, "tshark", "-n", "-r", c.file, "-o", "tls.keylog_file:"+c.keys, "-Y", "http || http2", "-T", "fields",
		"-e", "http.request.method", "-e", "http2.headers.method", "-e", "http.response.code", "-e", "http2.headers.status")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir} // nobody's preferences
	var out, text strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &text
	s, err := cost(cmd)
	if err != nil {
		return s, fmt.Errorf("%w: %s", err, tail(text.String()))
	}
	s.requests = requestLines(out.String())
	return s, nil
}

// requestLines counts the requests in what [captured.tshark] prints. Several of
// one packet stand in one line, with commas between them.
func requestLines(fields string) (n int64) {
	for line := range strings.Lines(fields) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for _, methods := range f[:min(2, len(f))] {
			if methods != "" {
				n += int64(strings.Count(methods, ",") + 1)
			}
		}
	}
	return n
}
