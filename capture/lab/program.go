package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Program is a server that is not the lab's own, to be run among its servers.
type Program struct {
	// Argv is its command line. It must stay in the foreground.
	Argv []string
	// Listens are the addresses that it serves once it is ready.
	Listens []netip.AddrPort
	// UDP says that they are UDP ports.
	UDP bool
	// OnClient says that it runs on the client's host, not among the servers.
	OnClient bool
}

// programPatience is how long a program may take until it serves.
const programPatience = 30 * time.Second

// hostOf is where a program runs.
func (l *Lab) hostOf(p Program) *namespace {
	if p.OnClient {
		return l.client
	}
	return l.servers
}

// Serve starts a program in its namespace and returns when it serves.
// It sees the lab's resolver, and a /dev/shm of its own, so that it meets no
// other instance of itself. It is killed when the lab closes. An error has what
// the program said.
func (l *Lab) Serve(p Program) error {
	path, err := lookPath(p.Argv[0])
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	c := l.command(l.ctx, l.hostOf(p), l.mountOwn, path, p.Argv[1:]...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	c.Dir = l.root
	c.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=" + l.root}
	c.WaitDelay = time.Second // a daemon's child may hold the pipe
	if err := c.Start(); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	ended := make(chan error, 1)
	l.loops.Go(func() { ended <- c.Wait() })
	ctx, cancel := context.WithTimeout(l.ctx, programPatience)
	defer cancel()
	for {
		select {
		case err := <-ended:
			return errors.Join(fmt.Errorf("lab: %s ended: %s", p.Argv[0], bytes.TrimSpace(said.Bytes())), err)
		case <-ctx.Done():
			return fmt.Errorf("lab: %s does not listen on %v", p.Argv[0], p.Listens)
		case <-time.After(10 * time.Millisecond):
			if l.listening(p) {
				return nil
			}
		}
	}
}

// mountOwn gives the calling thread a mount namespace with the lab's name
// files, and with a /dev/shm of its own.
func (l *Lab) mountOwn() error {
	if err := l.mountNames(); err != nil {
		return err
	}
	return os.NewSyscallError("mount /dev/shm", unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"))
}

// listening reports whether somebody serves all addresses of a program,
// without a packet to any of them: from /proc/net/tcp and udp (proc(5)).
func (l *Lab) listening(p Program) bool {
	protocol, state := "tcp", "0A" // TCP_LISTEN
	if p.UDP {
		protocol, state = "udp", "07" // TCP_CLOSE: an unconnected socket
	}
	var table strings.Builder
	err := l.hostOf(p).do(func() error {
		for _, family := range []string{"", "6"} {
			text, err := os.ReadFile("/proc/thread-self/net/" + protocol + family)
			if err != nil {
				return err
			}
			table.Write(text)
		}
		return nil
	})
	if err != nil {
		return false
	}
	for _, at := range p.Listens {
		if !served(table.String(), at, state) {
			return false
		}
	}
	return true
}

// served reports whether a table of sockets has one in a state on an IPv4
// address and port, or on that port of all addresses. The kernel writes an
// address as a number in its own byte order (get_tcp4_sock in
// net/ipv4/tcp_ipv4.c).
func served(table string, at netip.AddrPort, state string) bool {
	ip := at.Addr().As4()
	port := fmt.Sprintf(":%04X", at.Port())
	own := fmt.Sprintf("%08X", binary.NativeEndian.Uint32(ip[:])) + port
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != state {
			continue
		}
		if addr, ok := strings.CutSuffix(f[1], port); f[1] == own || ok && strings.Trim(addr, "0") == "" {
			return true
		}
	}
	return false
}

// Path names a file in the lab's directory, which is removed when it closes.
func (l *Lab) Path(elem ...string) string { return l.path(elem...) }

// CAFile is the PEM file with the root certificate that the client trusts.
func (l *Lab) CAFile() string { return l.caFile() }

// Identity writes the certificate chain and key that a host of the lab would
// present into one PEM file of a directory, and returns its name.
func (l *Lab) Identity(dir, host string, kind Certificate) (string, error) {
	c, err := l.authority.certificate(host, l.Addrs(host), kind)
	if err != nil {
		return "", err
	}
	return l.writeIdentity(filepath.Join(dir, host+".pem"), c.Certificate)
}

// SigningIdentity is Identity for an authority that signs for any host: that
// of an inspecting proxy. With trusted it is one that the client trusts.
func (l *Lab) SigningIdentity(dir string, trusted bool) (string, error) {
	by := l.authority.stranger
	if trusted {
		by = l.authority.root
	}
	key, err := pemKey(by)
	if err != nil {
		return "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: by.cert.Raw})
	path := filepath.Join(dir, "signing.pem")
	return path, os.WriteFile(path, append(text, key...), 0o644)
}

// writeIdentity writes a chain with the hosts' key. The key is worth nothing
// outside the lab, and servers read it as users of their own.
func (l *Lab) writeIdentity(path string, chain [][]byte) (string, error) {
	var text []byte
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := pemKey(&issuer{key: l.authority.hostKey})
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, append(text, key...), 0o644)
}

// Missing returns those of the named programs that this machine lacks.
func Missing(names ...string) (missing []string) {
	for _, name := range names {
		if _, err := lookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// lookPath is [exec.LookPath] that finds servers too: they are installed where
// ordinary users do not look.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("/usr/sbin/" + name); err == nil {
		return path, nil
	}
	return "", err
}
