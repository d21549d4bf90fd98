//go:build linux

package bpf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVar makes the test binary be one of the children of roles instead of
// running tests.
const roleVar = "GOPX_BPF_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles()[role](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		os.Exit(1)
	}
}

// roles are what a child in the watched cgroup can do.
func roles() map[string]func(args []string) error {
	return map[string]func([]string) error{
		"echo":      echoRole,
		"dial":      dialRole,
		"udp":       udpRole,
		"fetch":     fetchRole,
		"fetch-tls": fetchTLSRole,
		"serve":     serveRole,
		"hold":      holdRole,
		"late":      lateRole,
		"load":      loadRole,
		"permit":    permitRole,
	}
}

// echoRole sends args[1] pattern bytes to args[0] and reads as many.
func echoRole(args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	var n int64
	if _, err := fmt.Sscan(args[1], &n); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.CopyN(conn, &pattern{}, n)
		sent <- err
	}()
	if _, err := io.CopyN(io.Discard, conn, n); err != nil {
		return err
	}
	return <-sent
}

// pattern is an endless sequence of bytes that repeats only after 64 KiB.
type pattern struct{ n uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.n * 2654435761 >> 24)
		p.n++
	}
	return len(b), nil
}

// dialRole connects to args[0] and succeeds if that fails, or else waits until
// the other side closes.
func dialRole(args []string) error {
	conn, err := net.DialTimeout("tcp", args[0], 4*time.Second)
	if err != nil {
		return nil
	}
	defer conn.Close()
	_, err = io.Copy(io.Discard, conn)
	return err
}

// udpRole sends one datagram to args[0], from a socket with the option args[1],
// and waits for the error that comes back.
func udpRole(args []string) error {
	conn, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := setOption(conn.(*net.UDPConn), args[1]); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("anyone?")); err != nil {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("read: %v, want connection refused", err)
	}
	return nil
}

// setOption lengthens the IP headers that the socket sends.
func setOption(conn *net.UDPConn, name string) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		switch name {
		case "ip-options": // four times NOP, RFC 791 section 3.1
			serr = unix.SetsockoptString(int(fd), unix.IPPROTO_IP, unix.IP_OPTIONS, "\x01\x01\x01\x00")
		case "destination-options": // one header of 8 bytes: PadN, RFC 8200 section 4.6
			serr = unix.SetsockoptString(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DSTOPTS, "\x00\x00\x01\x04\x00\x00\x00\x00")
		}
	})
	if err != nil {
		return err
	}
	return serr
}

// fetchRole reads from args[0] until it closes, then closes too.
func fetchRole(args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(io.Discard, conn)
	return err
}

// fetchTLSRole does the same over TLS.
func fetchTLSRole(args []string) error {
	conn, err := tls.Dial("tcp", args[0], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(io.Discard, conn)
	return err
}

// serveRole listens on a free port, whose address it prints, and echoes one
// connection.
func serveRole([]string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(conn, conn)
	return err
}

// holdRole connects to args[0], closes, and lives on until its input ends.
func holdRole(args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// lateRole makes a UDP socket and a connection to args[1], says so, and when its
// input ends sends a datagram to args[0] and closes.
func lateRole(args []string) error {
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer datagrams.Close()
	to, err := net.ResolveUDPAddr("udp", args[0])
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", args[1])
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	_, err = datagrams.WriteTo([]byte("late"), to)
	return err
}

// loadRole watches the cgroup args[0], says so, and waits to be killed.
func loadRole(args []string) error {
	p, err := Load(Options{Cgroup: args[0], RingBytes: 1 << 20})
	if err != nil {
		return err
	}
	if err := p.AttachTLS("/proc/self/exe"); err != nil {
		return err
	}
	fmt.Println("loaded")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// permitRole wants to be told that it may not watch the cgroup args[0].
func permitRole(args []string) error {
	if _, err := Load(Options{Cgroup: args[0]}); !errors.Is(err, ErrNotPermitted) {
		return fmt.Errorf("%v, want %v", err, ErrNotPermitted)
	}
	return nil
}

// self is a command that runs this test binary in a role.
func self(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}
