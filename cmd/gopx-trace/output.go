package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/live"
	"github.com/gopx-trace/gopx-trace/report"
)

// output is one report to write: -o FORMAT or -o FORMAT=FILE, FILE may be "-".
type output struct {
	format string
	// path is the file to make, links followed; empty for the standard stream.
	path string
	// file is what is written to: the file itself where it is a device or a
	// pipe, else a temporary file beside it, which takes its name when the
	// report is complete.
	file *os.File
	// inPlace says that file is the file itself.
	inPlace bool
}

// parseOutputs reads the values of -o.
func parseOutputs(values []string) ([]*output, error) {
	var list []*output
	for _, v := range values {
		format, path, named := strings.Cut(v, "=")
		if _, err := report.Lookup(format); err != nil {
			return nil, fail(err, "use -o text, -o json or -o FORMAT=FILE; several -o are allowed")
		}
		if named && path == "" {
			return nil, fail(fmt.Errorf("-o %s names no file", v), fmt.Sprintf("write -o %s for the standard stream or -o %s=FILE", format, format))
		}
		if path == "-" {
			path = "" // the standard stream
		}
		list = append(list, &output{format: format, path: followed(path)})
	}
	return list, nil
}

// followed is a path with links followed, so that what is behind a link is
// written and not the link replaced. Links in /dev and /proc are left: those of
// open files (/dev/stdout) lead to a name whose file would be another one.
func followed(path string) string {
	if path == "" || special(path) {
		return path
	}
	if target, err := os.Readlink(path); err == nil && special(target) {
		return target
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// special tells whether a path names an open file of a process.
func special(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	for _, of := range []string{"/proc/", "/dev/fd/", "/dev/stdin", "/dev/stdout", "/dev/stderr"} {
		if strings.HasPrefix(abs, of) {
			return true
		}
	}
	return false
}

// distinctFiles refuses two outputs in one file.
func distinctFiles(paths []string) error {
	seen := map[string]bool{}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if p == "" || err != nil || special(p) {
			continue
		}
		if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			abs = filepath.Join(dir, filepath.Base(abs))
		}
		if seen[abs] {
			return fail(fmt.Errorf("%s is named twice: each report and the recording need a file of their own", p), "give -o and -w different files")
		}
		seen[abs] = true
	}
	return nil
}

// sparesInputs refuses an output that would replace a file that is read: the
// only capture of a fault that is gone. Names do not tell, as links, and the
// case of letters on some systems, make two of one file.
func sparesInputs(outputs []*output, inputs []string) error {
	for _, in := range inputs {
		read, err := os.Stat(in)
		if err != nil || !read.Mode().IsRegular() {
			continue // it has its own message when it is opened
		}
		for _, o := range outputs {
			if st, err := os.Stat(o.path); err == nil && os.SameFile(read, st) {
				return fail(fmt.Errorf("-o %s=%s would replace a file that is read", o.format, o.path), "give -o the name of another file")
			}
		}
	}
	return nil
}

// open makes sure that the file can be written, before the command runs.
func (o *output) open() error {
	if o.path == "" {
		return nil
	}
	st, err := os.Stat(o.path)
	if special(o.path) || err == nil && !st.Mode().IsRegular() {
		o.inPlace = true
		o.file, err = os.OpenFile(o.path, os.O_WRONLY|os.O_APPEND, 0)
		return unwritable(o.path, err)
	}
	o.file, err = os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*")
	return unwritable(o.path, err)
}

func unwritable(path string, err error) error {
	if err == nil {
		return nil
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fail(fmt.Errorf("cannot write %s: %w", path, err),
		"name a file in a directory that exists and that you may write, e.g. "+live.Quote([]string{filepath.Join(os.TempDir(), filepath.Base(path)+".out")}))
}

// write writes the report; std is where it goes without a file name. Nothing
// is left of a file that could not be written whole.
func (o *output) write(std io.Writer, t *trace.Trace, opt report.Options, owner fileOwner) error {
	if o.path == "" {
		return report.Write(std, o.format, t, opt)
	}
	opt.Color = false
	if err := report.Write(o.file, o.format, t, opt); err != nil {
		o.discard()
		return unwritable(o.path, err)
	}
	return unwritable(o.path, o.commit(o.mode(opt), owner))
}

// mode is that of the file that is replaced, else readable for all unless
// secrets are shown.
func (o *output) mode(opt report.Options) fs.FileMode {
	if st, err := os.Stat(o.path); err == nil {
		return st.Mode().Perm()
	}
	if opt.ShowSecrets {
		return 0o600
	}
	return 0o644
}

// commit gives the finished file its name, its mode and its owner.
func (o *output) commit(mode fs.FileMode, owner fileOwner) error {
	f := o.file
	o.file = nil
	if o.inPlace {
		return f.Close()
	}
	err := errors.Join(f.Chmod(mode), owner.take(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), o.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// discard removes what was begun.
func (o *output) discard() {
	if o.file == nil {
		return
	}
	o.file.Close()
	if !o.inPlace {
		os.Remove(o.file.Name())
	}
	o.file = nil
}
