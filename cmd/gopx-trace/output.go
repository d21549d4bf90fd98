package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/live"
	"github.com/gopx-trace/gopx-trace/report"
)

// output is one report to write: -o FORMAT or -o FORMAT=FILE.
type output struct {
	format string
	// path is the file to make; empty for the standard stream.
	path string
	tmp  *os.File
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
		list = append(list, &output{format: format, path: path})
	}
	return list, nil
}

// open makes sure that the file can be written, before the command runs: a
// temporary file beside it, which takes its name when the report is complete.
func (o *output) open() error {
	if o.path == "" {
		return nil
	}
	if st, err := os.Stat(o.path); err == nil && !st.Mode().IsRegular() {
		f, err := os.OpenFile(o.path, os.O_WRONLY, 0)
		o.tmp = f
		return unwritable(o.path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*")
	o.tmp = f
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
	return fail(fmt.Errorf("cannot write %s: %w", path, err), "name a file in a directory that exists and that you may write, e.g. "+live.Quote([]string{filepath.Join(os.TempDir(), filepath.Base(path)+".out")}))
}

// write writes the report; std is where it goes without a file name. Nothing
// is left of a file that could not be written whole.
func (o *output) write(std io.Writer, t *trace.Trace, opt report.Options, owner fileOwner) error {
	if o.path == "" {
		return report.Write(std, o.format, t, opt)
	}
	opt.Color = false
	if err := report.Write(o.tmp, o.format, t, opt); err != nil {
		o.discard()
		return unwritable(o.path, err)
	}
	return unwritable(o.path, o.commit(owner))
}

// commit gives the finished file its name, its mode and its owner.
func (o *output) commit(owner fileOwner) error {
	f := o.tmp
	o.tmp = nil
	name := f.Name()
	if name == o.path { // a device or a pipe: there is nothing to rename
		return f.Close()
	}
	err := errors.Join(f.Chmod(0o644), owner.take(f), f.Close())
	if err == nil {
		err = os.Rename(name, o.path)
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}

// discard removes what was begun.
func (o *output) discard() {
	if o.tmp == nil {
		return
	}
	o.tmp.Close()
	if o.tmp.Name() != o.path {
		os.Remove(o.tmp.Name())
	}
	o.tmp = nil
}

// fileOwner is who shall own the files that we make: the user behind sudo.
type fileOwner struct {
	uid, gid int
	set      bool
}

// ownerOf returns the user who called sudo, or nobody in particular.
func ownerOf(e *env) fileOwner {
	uid, err1 := strconv.Atoi(e.getenv("SUDO_UID"))
	gid, err2 := strconv.Atoi(e.getenv("SUDO_GID"))
	return fileOwner{uid, gid, err1 == nil && err2 == nil && os.Geteuid() == 0}
}

func (o fileOwner) take(f *os.File) error {
	if !o.set {
		return nil
	}
	return f.Chown(o.uid, o.gid)
}
