//go:build linux

package settings

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/capture"
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

// maxHosts bounds the names that are taken from a hosts file, and the addresses
// of each.
const maxHosts = 32

// hostsOf returns the lines of a hosts file (hosts(5)) that are about hosts in
// the settings: a module proxy, a checksum database, an HTTP proxy.
func hostsOf(b []byte, e *capture.Environment) map[string][]string {
	mentioned := e.GoEnv["GOPROXY"].Value + " " + e.GoEnv["GOSUMDB"].Value
	for _, value := range e.Proxy {
		mentioned += " " + value
	}
	mentioned = strings.ToLower(mentioned)
	var hosts map[string][]string
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		for _, name := range f[min(1, len(f)):] {
			name = strings.ToLower(name)
			if !strings.Contains(name, ".") || !strings.Contains(mentioned, name) || len(hosts) == maxHosts && hosts[name] == nil || len(hosts[name]) == maxHosts {
				continue
			}
			if hosts == nil {
				hosts = map[string][]string{}
			}
			hosts[name] = append(hosts[name], f[0])
		}
	}
	return hosts
}

// maxResolvers bounds the list; the C library reads three, Go reads all.
const maxResolvers = 32

// Resolvers returns the addresses of the nameserver lines of a resolv.conf file;
// none if it cannot be read.
func Resolvers(name string) []string { return resolvers(readFile(name)) }

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
