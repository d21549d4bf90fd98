package lab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// WriteModules writes the lab's modules as files that any web server can serve
// as a module proxy (https://go.dev/ref/mod#goproxy-protocol).
func (l *Lab) WriteModules(dir string) error {
	for _, r := range l.catalog.all {
		if err := l.writeRelease(dir, r); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) writeRelease(dir string, r *release) error {
	escaped, err := module.EscapePath(r.Path)
	if err != nil {
		return err
	}
	versions := filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{r.Version.Version, released()})
	if err != nil {
		return err
	}
	zipped, err := r.zip()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"list":                      strings.Join(l.catalog.versions(r.Path), "\n") + "\n",
		r.Version.Version + ".info": string(info),
		r.Version.Version + ".mod":  r.goMod(),
		r.Version.Version + ".zip":  string(zipped),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
