//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// tool is a way to run the command.
type tool struct {
	name string
	run  func(context.Context, *work) (sample, error)
}

// tools lists what is compared with an untraced run, the null control first.
func (b *bench) tools() []tool {
	return []tool{
		{"untraced again", untraced},
		{"gopx-trace", func(ctx context.Context, w *work) (sample, error) { return w.traced(ctx, b.tool) }},
		{"gopx-trace -w", func(ctx context.Context, w *work) (sample, error) {
			return w.traced(ctx, b.tool, "-w", w.capture())
		}},
		{"tcpdump -B 65536", tcpdump},
	}
}

// work is a place for one run: a module that requires the set, and an empty
// module cache.
type work struct {
	*site
	dir string
}

// newWork makes the place.
func (s *site) newWork() (*work, error) {
	dir, err := os.MkdirTemp(s.dir, "run-")
	if err != nil {
		return nil, err
	}
	return &work{site: s, dir: dir}, os.WriteFile(filepath.Join(dir, "go.mod"), s.set.goMod(), 0o644)
}

// remove clears the place away.
func (w *work) remove() error { return os.RemoveAll(w.dir) }

func (w *work) path(name string) string { return filepath.Join(w.dir, name) }

// capture is the name of the capture file.
func (w *work) capture() string { return w.path("trace.pcapng") }

// environ is all of the command's environment: nothing of the caller's may
// steer it.
func (w *work) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "SSL_CERT_FILE=" + w.caFile(),
		"GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOCACHE=" + w.path("build"),
		"GOMODCACHE=" + w.path("modules"), "GOFLAGS=-mod=mod -modcacherw",
		"GOPROXY=" + w.proxy, "GONOSUMDB=*",
	}
}

// download is the command, with words in front of it.
func (w *work) download(ctx context.Context, prefix ...string) *exec.Cmd {
	argv := append(prefix, "go", "mod", "download")
	cmd := w.client.command(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = w.dir, w.environ()
	return cmd
}

// complete checks that the cache holds the set: a ratio of failures is none.
func (w *work) complete() error {
	zips, err := filepath.Glob(w.path("modules/cache/download/" + moduleHost + "/*/m/@v/*.zip"))
	if err == nil && len(zips) != w.set.Count {
		err = fmt.Errorf("%d of %d modules downloaded", len(zips), w.set.Count)
	}
	return err
}

// untraced runs the command alone.
func untraced(ctx context.Context, w *work) (sample, error) {
	s, err := cost(w.download(ctx))
	s.memory = 0 // that of go
	return s, err
}

// traced runs the command under gopx-trace and reads its report.
func (w *work) traced(ctx context.Context, exe string, flags ...string) (sample, error) {
	report := w.path("trace.json")
	s, err := cost(w.download(ctx, append([]string{exe, "-q", "-o", "json=" + report}, flags...)...))
	if err != nil {
		return s, err
	}
	if s.recording, err = size(w.capture()); err != nil {
		return s, err
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		return s, err
	}
	return s, s.read(raw)
}

// read takes over what a JSON report counted.
func (s *sample) read(raw []byte) error {
	var r struct {
		Command struct {
			Milliseconds float64 `json:"duration_ms"`
		}
		Requests []struct{ Status int }
		Losses   struct{ Packets, Events int64 }
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("JSON report: %w", err)
	}
	s.lost, s.requests = r.Losses.Packets+r.Losses.Events, 0
	for _, q := range r.Requests {
		if q.Status == 200 {
			s.requests++
		}
	}
	s.outside = s.wall - time.Duration(r.Command.Milliseconds*float64(time.Millisecond))
	return nil
}

// size is that of a file, 0 if there is none.
func size(name string) (int64, error) {
	st, err := os.Stat(name)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
