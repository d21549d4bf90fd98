//go:build linux

package bpf

import (
	"io"
	"net"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// filled returns the packets that the gap filler saw.
func filled(samples []Sample) []Sample {
	return slices.DeleteFunc(ofKind(samples, KindPacket), func(s Sample) bool { return !s.Packet.Filled })
}

// count counts the packets of a direction with exactly these TCP flags.
func count(packets []Sample, outbound bool, flags byte) int {
	n := 0
	for _, s := range packets {
		if s.Packet.Outbound == outbound && parse(s.Packet.Data).flags == flags {
			n++
		}
	}
	return n
}

// holding runs a child that connects to a server and closes at once, calls then
// with the server's end, and returns the child's samples.
func holding(t *testing.T, host string, then func(conn net.Conn)) (pid uint32, samples []Sample) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := watch(t, Options{})
	cmd := w.into(self("hold", l.Addr().String()))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveHolder(l, cmd, in, then) }()
	return uint32(cmd.Process.Pid), w.readUntil(done)
}

func serveHolder(l net.Listener, cmd *exec.Cmd, in io.Closer, then func(net.Conn)) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.Copy(io.Discard, conn); err != nil { // until the child has closed
		return err
	}
	time.Sleep(50 * time.Millisecond)
	then(conn)
	time.Sleep(50 * time.Millisecond)
	in.Close()
	return cmd.Wait()
}

// After we have closed, the peer's FIN and our last ACK meet no socket.
func TestGapFIN(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			pid, samples := holding(t, host, func(conn net.Conn) { conn.Close() })
			defer dump(t, samples)
			gap := filled(samples)
			if n := count(gap, false, flagFIN|flagACK); n != 1 {
				t.Errorf("%d FINs of the peer, want 1", n)
			}
			if n := count(gap, true, flagACK); n != 1 {
				t.Errorf("%d ACKs of ours, want 1", n)
			}
			checkFilled(t, samples, gap, pid)
		})
	}
}

// checkFilled wants the filled packets to belong to the connection and no others
// to be there twice.
func checkFilled(t *testing.T, samples, gap []Sample, pid uint32) {
	t.Helper()
	connects := ofKind(samples, KindSocketConnect)
	if len(connects) == 0 {
		t.Fatal("no connect")
	}
	for _, s := range gap {
		if s.PID != pid || s.Packet.Cookie != connects[len(connects)-1].Socket.Cookie {
			t.Errorf("filled packet of pid %d, socket %d; want %d, %d", s.PID, s.Packet.Cookie, pid, connects[0].Socket.Cookie)
		}
	}
	if all := ofKind(samples, KindPacket); count(all, true, flagSYN) != 1 || count(all, true, flagFIN|flagACK) != 1 {
		t.Error("want one SYN and one FIN of ours")
	}
}

// Data after close, and the RST that answers it.
func TestGapDataAfterClose(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			pid, samples := holding(t, host, func(conn net.Conn) { conn.Write(make([]byte, 1000)) })
			defer dump(t, samples)
			gap := filled(samples)
			if n := count(gap, false, flagPSH|flagACK); n != 1 {
				t.Errorf("%d packets with data, want 1", n)
			}
			if n := count(gap, true, flagRST); n != 1 {
				t.Errorf("%d RSTs of ours, want 1", n)
			}
			for _, s := range gap {
				if n := len(s.Packet.Data); n < 40 || n > 256 || n > s.Packet.Length {
					t.Errorf("%d bytes captured of %d, want the headers", n, s.Packet.Length)
				}
			}
			checkFilled(t, samples, gap, pid)
		})
	}
}

// ICMP errors meet no socket; they are found by the packet of ours inside.
func TestGapICMP(t *testing.T) {
	for _, test := range []struct{ host, option string }{
		{"127.0.0.1", ""},
		{"127.0.0.1", "ip-options"},
		{"::1", ""},
		{"::1", "destination-options"},
	} {
		t.Run(test.host+test.option, func(t *testing.T) {
			w := watch(t, Options{})
			pid, samples := w.run(self("udp", closedPort(t, "udp", test.host), test.option))
			defer dump(t, samples)
			gap := filled(samples)
			if len(gap) != 1 {
				t.Fatalf("%d packets filled in, want 1", len(gap))
			}
			p, s := parse(gap[0].Packet.Data), gap[0]
			isICMP := p.protocol == unix.IPPROTO_ICMP && p.payload[0] == 3 ||
				p.protocol == unix.IPPROTO_ICMPV6 && p.payload[0] == 1
			if !isICMP || s.Packet.Outbound || s.PID != pid {
				t.Errorf("%s, want an inbound ICMP destination unreachable", s.testString())
			}
			if connect := ofKind(samples, KindSocketConnect); s.Packet.Cookie != connect[0].Socket.Cookie {
				t.Errorf("socket %d, want %d", s.Packet.Cookie, connect[0].Socket.Cookie)
			}
		})
	}
}

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T, network, host string) string {
	t.Helper()
	address := net.JoinHostPort(host, "0")
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.LocalAddr().String()
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
