package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cmd is a program in one of the lab's namespaces. The fields of [exec.Cmd] may
// be set before it is started; Env and Dir have the lab's values.
type Cmd struct {
	*exec.Cmd
	lab    *Lab
	in     *namespace
	mount  func() error  // gives the calling thread the program's mounts
	waited chan struct{} // closed by the first Wait
	ended  sync.Once
}

// Command returns a program to be run in the client's network namespace, in
// the directory of the caller, with [Lab.Env] and with the lab's
// /etc/resolv.conf, /etc/hosts and /etc/nsswitch.conf. All other mounts
// (/sys/fs/cgroup, tracefs, bpffs) are those of the host.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *Cmd {
	c := l.command(ctx, l.client, l.mountNames, name, args...)
	c.Env = l.Env()
	return c
}

// command returns a program to be run in a namespace, with mounts of its own.
func (l *Lab) command(ctx context.Context, in *namespace, mount func() error, name string, args ...string) *Cmd {
	return &Cmd{Cmd: exec.CommandContext(ctx, name, args...), lab: l, in: in, mount: mount, waited: make(chan struct{})}
}

// Start starts the program, as [exec.Cmd.Start]. The program is killed when
// this process dies: what hangs would otherwise keep the lab's network.
func (c *Cmd) Start() error {
	attr := syscall.SysProcAttr{}
	if c.SysProcAttr != nil {
		attr = *c.SysProcAttr
	}
	attr.Pdeathsig = syscall.SIGKILL
	c.SysProcAttr = &attr
	started := make(chan error, 1)
	go onThread(func() error {
		err := c.startHere()
		started <- err
		if err == nil {
			// The signal comes when the thread ends that started the program.
			select {
			case <-c.waited:
			case <-c.lab.ctx.Done():
			}
		}
		return err
	})
	return <-started
}

// startHere starts the program from the calling thread, whose namespaces it
// inherits, after it has moved this thread there.
func (c *Cmd) startHere() error {
	if err := c.in.enter(); err != nil {
		return err
	}
	if err := c.mount(); err != nil {
		return err
	}
	return c.Cmd.Start()
}

// Wait waits for the program, as [exec.Cmd.Wait].
func (c *Cmd) Wait() error {
	defer c.ended.Do(func() { close(c.waited) })
	return c.Cmd.Wait()
}

// Run starts the program and waits for it, as [exec.Cmd.Run].
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program and returns its standard output. Unlike
// [exec.Cmd.Output] it leaves standard error where it goes.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the program and returns its standard output and
// standard error, as [exec.Cmd.CombinedOutput].
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// nameFiles are the files in /etc that decide how names are looked up.
// nsswitch.conf keeps glibc from modules that ask the host's resolver through
// a socket in the file system.
func (l *Lab) nameFiles() []file {
	var resolv strings.Builder
	var servers []netip.Addr
	if l.setup.DeafFirst {
		servers = l.Addrs(deafHost)
	}
	switch {
	case l.setup.Stub != NoStub:
		servers = append(servers, stubAddr().Addr())
	case !l.setup.NoResolver:
		servers = append(servers, l.Addrs(ResolverHost)...)
	}
	for _, a := range servers {
		fmt.Fprintf(&resolv, "nameserver %v\n", a)
	}
	resolv.WriteString(l.setup.ResolvConf)
	return []file{
		{"/etc/resolv.conf", resolv.String()},
		{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" + l.setup.Hosts},
		{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
	}
}

// writeNameFiles writes them to the lab's directory.
func (l *Lab) writeNameFiles() error {
	for _, f := range l.nameFiles() {
		if err := os.WriteFile(l.path(filepath.Base(f.name)), []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mountNames gives the calling thread a mount namespace in which the lab's
// files cover those that decide how names are looked up. The host's mounts
// still arrive in it, but none of its mounts leaves it.
func (l *Lab) mountNames() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mounts made private: %w", err)
	}
	for _, f := range l.nameFiles() {
		if _, err := os.Stat(f.name); errors.Is(err, fs.ErrNotExist) && f.name != "/etc/resolv.conf" {
			continue // the defaults of Go and glibc do
		}
		if err := unix.Mount(l.path(filepath.Base(f.name)), f.name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount over %s: %w", f.name, err)
		}
	}
	return nil
}

// inherited are the caller's variables that a program in the lab gets. Those
// that change where or how the client connects are not among them.
func inherited() []string {
	return []string{"PATH", "TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "USER", "LOGNAME", "SHELL", "GOCOVERDIR"}
}

// Env is the environment of a client in the lab: its module proxy, checksum
// database, proxy, certificate authority, and a home and module cache of its
// own. Proxy, certificate and Go settings of the caller are not in it.
func (l *Lab) Env() []string {
	var env []string
	for _, name := range inherited() {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	goproxy := l.setup.GOPROXY
	if goproxy == "" {
		goproxy = "https://" + GoProxyHost
	}
	env = append(env,
		"HOME="+l.path("client", "home"), "TMPDIR="+l.path("client", "tmp"),
		"GOPATH="+l.path("client", "go"), "GOMODCACHE="+l.path("client", "go", "pkg", "mod"),
		"GOCACHE="+l.path("client", "cache"), "GOENV="+l.goenv(), "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local",
		"GOPROXY="+goproxy, "GOSUMDB="+l.gosumdb(),
		"SSL_CERT_FILE="+l.caFile(), "CURL_CA_BUNDLE="+l.caFile(),
		"GIT_CONFIG_NOSYSTEM=1",
	)
	if !l.setup.NoGitCA {
		env = append(env, "GIT_SSL_CAINFO="+l.caFile())
	}
	if p := l.setup.proxyURL(); p != "" {
		names := l.setup.ProxyVariables
		if names == nil {
			names = []string{"HTTPS_PROXY", "HTTP_PROXY"}
		}
		for _, name := range names {
			env = append(env, name+"="+p)
		}
	}
	if l.setup.NoGit {
		env = append(env, "PATH="+l.path("client", "bin"))
	}
	return append(env, l.setup.Env...)
}

// killPatience is how long Close waits for killed programs to be gone.
const killPatience = 5 * time.Second

// killInside kills every process whose main thread is in a network namespace,
// until there is none.
func killInside(n *namespace) error {
	id, err := n.id()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(killPatience); ; time.Sleep(5 * time.Millisecond) {
		inside := processesIn(id)
		if len(inside) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("lab: processes %v do not end", inside)
		}
		for _, pid := range inside {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// id is the inode number that tells network namespaces apart.
func (n *namespace) id() (uint64, error) {
	info, err := n.file.Stat()
	if err != nil {
		return 0, err
	}
	return inode(info), nil
}

// inode is a file's inode number; 0 where unknown.
func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// processesIn lists the other processes in a network namespace. Zombies have
// none any more and are not listed.
func processesIn(id uint64) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if info, err := os.Stat(filepath.Join("/proc", e.Name(), "ns", "net")); err == nil && inode(info) == id {
			pids = append(pids, pid)
		}
	}
	return pids
}
