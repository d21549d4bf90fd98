//go:build linux

package settings

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of a configuration file; real ones have some
// kilobytes at most.
const maxFile = 1 << 20

// readFile returns the content of a regular file of at most maxFile bytes, or
// nothing. A name that the user's environment gives may be a FIFO or a device:
// O_NONBLOCK keeps the open from waiting for a writer.
func readFile(name string) []byte {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxFile {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	return b
}

// version returns the first line of GOROOT/VERSION, e.g. "go1.26.8".
func version(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "go") && !strings.HasPrefix(line, "devel") {
		return ""
	}
	return line
}

// maxResolvers bounds the list; the C library reads three, Go reads all.
const maxResolvers = 32

// resolvers returns the addresses of the nameserver lines of a resolv.conf, in
// order (resolv.conf(5); net/dnsconfig_unix.go).
func resolvers(b []byte) []string {
	var servers []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) >= 2 && f[0] == "nameserver" && len(servers) < maxResolvers {
			servers = append(servers, f[1])
		}
	}
	return servers
}
