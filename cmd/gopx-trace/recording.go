package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

// recording is the file of -w, or nothing.
type recording struct {
	path   string
	limit  int64
	owner  fileOwner
	w      *pcapfile.Writer
	failed error
	// made is set when there was no such file before.
	made bool
}

// record makes sure that the recording can be written. It does so before the
// command starts, but leaves what is in the file until the command did.
func (f *flags) record(e *env) (*recording, error) {
	r := &recording{path: followed(f.write), limit: int64(f.maxSize), owner: ownerOf(e)}
	if r.path == "" {
		return r, nil
	}
	st, err := os.Stat(r.path)
	if err == nil && !st.Mode().IsRegular() && !st.IsDir() {
		return r, nil // opening a pipe would wait for its reader
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if r.made = err == nil; !r.made {
		file, err = os.OpenFile(r.path, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, unwritable(r.path, err)
	}
	return r, unwritable(r.path, errors.Join(r.owner.take(file), file.Close()))
}

// tee sends the events of src to the recording too. The command runs already:
// its first events wait in the kernel's ring.
func (r *recording) tee(src capture.Source) capture.Source {
	if r.path == "" {
		return src
	}
	w, err := pcapfile.Create(r.path, pcapfile.Options{Application: "gopx-trace " + version(), MaxBytes: r.limit})
	if err != nil {
		r.failed = err
		return src
	}
	r.w = w
	return capture.Tee(src, w, func(err error) { r.failed = err })
}

// close finishes the file and adds to the trace what its size limit cut.
func (r *recording) close(t *trace.Trace) error {
	if r.path == "" {
		return nil
	}
	err := r.failed
	if r.w != nil {
		err = errors.Join(r.failed, r.w.Close())
		t.Losses.CutPackets, t.Losses.CutBytes = r.w.Cut()
	}
	if err == nil {
		return nil
	}
	t.NotSeen = append(t.NotSeen, "part of what happened is missing in the recording "+r.path+", which could not be written to its end")
	return fail(fmt.Errorf("the recording %s is incomplete: %w", r.path, err),
		"what it holds up to there is readable: gopx-trace report "+r.path,
		"use --max-size to bound it, or -w on another disk")
}

// remove takes back the file of a command that never started.
func (r *recording) remove() {
	if r.made {
		os.Remove(r.path)
	}
}
