// Package servers is the lab with other people's servers in it: squid,
// tinyproxy, haproxy, nginx, dnsmasq, unbound, danted, mitmproxy, git
// http-backend and sshd as Debian ships them, in the place of the lab's own.
// What gopx-trace says of a fault must not depend on who wrote the server.
package servers

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// Scenario is one fault, or a healthy case, with real servers.
type Scenario struct {
	lab.Fault
	// Servers are started in their order.
	Servers []Server
	// Log is what one of their logs has when the fault met the client.
	Log Log
}

// Log is part of a file in a server's directory, and of its name.
type Log struct{ Server, File, Contains string }

// Server is a program and its configuration.
type Server struct {
	// Name is the program's; its files have a directory of that name.
	Name string
	Args []string
	// Files are written before it starts, by name.
	Files map[string]string
	// Owner is the user that its directory belongs to; 0 is root.
	Owner int
	// Host and Ports are where it listens.
	Host  string
	Ports []uint16
	UDP   bool
	// Stub is set for a resolver on the client's host, at 127.0.0.53; Host is
	// then of no account.
	Stub bool
	// Prepare does what files and arguments cannot.
	Prepare func(l *lab.Lab, dir string) error
}

// Programs are the names of the programs that a scenario needs.
func (s Scenario) Programs() []string {
	var names []string
	for _, v := range s.Servers {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Start starts the scenario's lab and then its servers.
func (s Scenario) Start() (*lab.Lab, error) {
	l, err := lab.Start(s.Build())
	if err != nil {
		return nil, err
	}
	for _, v := range s.Servers {
		if err := v.start(l); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// start writes the files of a server and starts it. In them, and in its
// arguments, {dir} is its directory, {ca} the file of the lab's root
// certificate, and {ADDRESS OF HOST} stands as {host}.
func (v Server) start(l *lab.Lab) error {
	dir := l.Path(v.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if v.Prepare != nil {
		if err := v.Prepare(l, dir); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	fill := places(l, dir)
	for name, text := range v.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(text)), 0o755); err != nil {
			return err
		}
	}
	if err := chown(dir, v.Owner); err != nil {
		return err
	}
	p := lab.Program{Argv: []string{v.Name}, UDP: v.UDP, OnClient: v.Stub}
	for _, a := range v.Args {
		p.Argv = append(p.Argv, fill.Replace(a))
	}
	if v.Stub {
		p.Listens = append(p.Listens, stubAddr())
	}
	for _, port := range v.Ports {
		p.Listens = append(p.Listens, netip.AddrPortFrom(l.Addrs(v.Host)[0], port))
	}
	return l.Serve(p)
}

// places is what stands for {...} in configurations.
func places(l *lab.Lab, dir string) *strings.Replacer {
	pairs := []string{"{dir}", dir, "{ca}", l.CAFile(), "{root}", l.Path()}
	for _, host := range []string{lab.ResolverHost, lab.ProxyHost, lab.GoProxyHost, lab.MirrorHost, lab.CDNHost, lab.SumDBHost, lab.GitHost} {
		pairs = append(pairs, "{"+host+"}", l.Addrs(host)[0].String())
	}
	return strings.NewReplacer(pairs...)
}

// chown gives a directory and its files to a user.
func chown(dir string, owner int) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, owner, owner)
	})
}

// logPatience is how long a server may take to write its log.
const logPatience = 3 * time.Second

// Happened checks that the fault met the client: in the counters of the lab's
// own servers, and in the log of the real one.
func (s Scenario) Happened(l *lab.Lab) error {
	if err := l.Proves(s.Proof); err != nil {
		return err
	}
	if s.Log.Contains == "" {
		return nil
	}
	path := l.Path(s.Log.Server, s.Log.File)
	for deadline := time.Now().Add(logPatience); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), s.Log.Contains) {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("servers: no %q in %s:\n%s", s.Log.Contains, path, text), err)
		}
	}
}

// Scenarios lists them all, by server.
func Scenarios() []Scenario {
	return slices.Concat(squidScenarios(), tinyproxyScenarios(), haproxyScenarios(), nginxScenarios(),
		resolverScenarios(), stubScenarios(), dantedScenarios(), interceptScenarios())
}

// Hops of the scenarios.
const (
	atResolver = "resolver"
	atProxy    = "http-proxy:" + lab.ProxyHost
	atGoProxy  = "goproxy:" + lab.GoProxyHost
	atMirror   = "goproxy:" + lab.MirrorHost
	atGit      = "vcs:" + lab.GitHost
)

// behind is a client behind an HTTP proxy that is not the lab's own.
func behind(s *lab.Setup) {
	s.Via = lab.HTTPProxy
	s.At(lab.ProxyHost).Port = lab.Closed // a real one listens there
}

// withCredentials is behind, with the credentials that the lab's client has.
func withCredentials(s *lab.Setup) {
	behind(s)
	s.Auth = true
}
