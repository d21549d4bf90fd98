//go:build linux

package bpf

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Flags of a TCP header, RFC 9293 section 3.1.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// parsed is what the tests look at in a packet.
type parsed struct {
	version, protocol    byte
	source, destination  netip.Addr
	sourcePort, destPort uint16
	seq                  uint32
	flags                byte
	payload              []byte
}

func (p parsed) String() string {
	return fmt.Sprintf("%v:%d > %v:%d protocol %d seq %d flags %#x, %d bytes", p.source, p.sourcePort, p.destination, p.destPort, p.protocol, p.seq, p.flags, len(p.payload))
}

// parse reads a packet whose headers are in order.
func parse(b []byte) parsed {
	p := parsed{version: b[0] >> 4}
	if p.version == 4 {
		p.protocol = b[9]
		p.source, p.destination = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		b = b[int(b[0]&15)*4:]
	} else {
		p.protocol = b[6]
		p.source, p.destination = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		b = b[40:]
		// A packet over 64 KiB has a jumbo payload option, RFC 2675.
		if p.protocol == unix.IPPROTO_HOPOPTS {
			p.protocol, b = b[0], b[int(b[1]+1)*8:]
		}
	}
	if p.protocol == unix.IPPROTO_TCP || p.protocol == unix.IPPROTO_UDP {
		p.sourcePort, p.destPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	}
	if p.protocol == unix.IPPROTO_TCP {
		p.seq, p.flags = binary.BigEndian.Uint32(b[4:]), b[13]
		b = b[int(b[12]>>4)*4:]
	}
	p.payload = b
	return p
}

// echoServer echoes every connection on an address of the host and returns it.
func echoServer(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// A TCP exchange is captured whole and in order, both directions.
func TestCaptureWhole(t *testing.T) {
	const size = 4 << 20
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			w := watch(t, Options{RingBytes: 32 << 20})
			pid, samples := w.run(self("echo", echoServer(t, host), fmt.Sprint(size)))
			defer dump(t, samples[:min(20, len(samples))])
			packets := ofKind(samples, KindPacket)
			checkOrder(t, samples)
			for _, s := range packets {
				if s.PID != pid || s.Comm == "" || s.Packet.Cookie == 0 || s.Packet.Length != len(s.Packet.Data) {
					t.Fatalf("pid %d comm %q cookie %d length %d of %d", s.PID, s.Comm, s.Packet.Cookie, len(s.Packet.Data), s.Packet.Length)
				}
			}
			if first := parse(packets[0].Packet.Data); first.flags != flagSYN || !packets[0].Packet.Outbound {
				t.Errorf("first packet is %v, want our SYN", first)
			}
			want := make([]byte, size)
			(&pattern{}).Read(want)
			for _, outbound := range []bool{true, false} {
				if got := stream(packets, outbound); !bytes.Equal(got, want) {
					t.Errorf("outbound %t: %d bytes captured, want the %d sent", outbound, len(got), size)
				}
			}
		})
	}
}

// checkOrder wants times that do not go back, but for what two CPUs differ by.
func checkOrder(t *testing.T, samples []Sample) {
	t.Helper()
	var last uint64
	for _, s := range samples {
		if s.Time+uint64(10*time.Millisecond) < last {
			t.Errorf("time goes back by %v", time.Duration(last-s.Time))
		}
		last = max(last, s.Time)
	}
}

// stream puts the payload of one direction together.
func stream(packets []Sample, outbound bool) []byte {
	var segments []parsed
	for _, s := range packets {
		if p := parse(s.Packet.Data); s.Packet.Outbound == outbound && len(p.payload) > 0 {
			segments = append(segments, p)
		}
	}
	if len(segments) == 0 {
		return nil
	}
	slices.SortStableFunc(segments, func(a, b parsed) int { return cmp.Compare(int32(a.seq-b.seq), 0) })
	var b []byte
	start := segments[0].seq
	for _, s := range segments {
		at := int(s.seq - start)
		if at > len(b) {
			return b
		}
		if end := at + len(s.payload); end > len(b) {
			b = append(b, s.payload[len(b)-at:]...)
		}
	}
	return b
}

func TestSnaplen(t *testing.T) {
	w := watch(t, Options{Snaplen: 200})
	_, samples := w.run(self("echo", echoServer(t, "127.0.0.1"), "100000"))
	longest := 0
	for _, s := range ofKind(samples, KindPacket) {
		if want := min(s.Packet.Length, 200); len(s.Packet.Data) != want {
			t.Fatalf("%d bytes captured of %d, want %d", len(s.Packet.Data), s.Packet.Length, want)
		}
		longest = max(longest, s.Packet.Length)
	}
	if longest < 1000 {
		t.Errorf("longest packet has %d bytes", longest)
	}
}

// What other processes do leaves nothing.
func TestOutsideLeavesNothing(t *testing.T) {
	w := watch(t, Options{})
	done := make(chan error, 1)
	cmd := self("echo", echoServer(t, "127.0.0.1"), "100000")
	go func() { done <- cmd.Run() }()
	if samples := w.readUntil(done); len(samples) != 0 {
		t.Errorf("%d samples", len(samples))
		for _, s := range samples {
			t.Log(s.testString())
		}
	}
}

// An accepted socket belongs to the process that listens, and has its own cookie.
func TestAccept(t *testing.T) {
	w := watch(t, Options{})
	cmd := w.into(self("serve"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addr string
	if _, err := fmt.Fscan(out, &addr); err != nil {
		t.Fatal(err)
	}
	if err := echoRole([]string{addr, "1000"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	samples := w.readUntil(done)
	defer dump(t, samples)
	created := ofKind(samples, KindSocketCreate)
	if len(created) == 0 {
		t.Fatal("no socket created")
	}
	data := 0
	for _, s := range ofKind(samples, KindPacket) {
		if s.PID != uint32(cmd.Process.Pid) {
			t.Errorf("packet of pid %d, want %d", s.PID, cmd.Process.Pid)
		}
		if p := parse(s.Packet.Data); len(p.payload) > 0 {
			data += len(p.payload)
			if slices.ContainsFunc(created, func(c Sample) bool { return c.Socket.Cookie == s.Packet.Cookie }) {
				t.Error("data has the cookie of the listener")
			}
		}
	}
	if data != 2000 {
		t.Errorf("%d bytes of data, want 2000", data)
	}
}

// A full ring costs packets, which are counted, but no other events.
func TestLost(t *testing.T) {
	w := watch(t, Options{RingBytes: 1 << 20})
	cmd := w.into(self("echo", echoServer(t, "127.0.0.1"), fmt.Sprint(4<<20)))
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	packets, events, err := w.Lost()
	if packets == 0 || events != 0 || err != nil {
		t.Errorf("lost %d packets, %d events, %v; want packets only", packets, events, err)
	}
	done := make(chan error, 1)
	done <- nil
	w.t = discard{t}
	samples := w.readUntil(done)
	for _, kind := range []Kind{KindExec, KindSocketCreate, KindSocketConnect, KindSocketState, KindExit} {
		if len(ofKind(samples, kind)) == 0 {
			t.Errorf("no sample of kind %d", kind)
		}
	}
}

// discard swallows the complaint of readUntil about losses.
type discard struct{ testing.TB }

func (discard) Errorf(string, ...any) {}

// UDP sockets that are never connected belong to who sends, also those that are
// older than the probe; of an older connection the owner is not known.
func TestOlderSockets(t *testing.T) {
	dir := newCgroup(t)
	sink, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	cmd := (&watched{t: t, cgroup: dir}).into(self("late", sink.LocalAddr().String(), echoServer(t, "127.0.0.1")))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		t.Fatal(err)
	}
	p, err := Load(Options{Cgroup: dir, RingBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	in.Close()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	samples := (&watched{p, t, dir}).readUntil(done)
	defer dump(t, samples)
	pids := make(map[byte]uint32)
	for _, s := range ofKind(samples, KindPacket) {
		pids[parse(s.Packet.Data).protocol] = s.PID
		if s.Packet.Cookie == 0 {
			t.Error("packet without a cookie")
		}
	}
	if pid, ok := pids[unix.IPPROTO_UDP]; pid != uint32(cmd.Process.Pid) {
		t.Errorf("datagram (%t) of pid %d, want %d", ok, pid, cmd.Process.Pid)
	}
	if pid, ok := pids[unix.IPPROTO_TCP]; !ok || pid != 0 {
		t.Errorf("segment (%t) of pid %d, want 0", ok, pid)
	}
}

// Processes of a cgroup below count, also where the depth of the watched one
// cannot be known.
func TestScope(t *testing.T) {
	dir := newCgroup(t)
	below := filepath.Join(dir, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(below)
	for _, known := range []bool{true, false} {
		s, err := openScope(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if s.level != s.levelMax {
			t.Errorf("level %d to %d, want one", s.level, s.levelMax)
		}
		if !known {
			s.level, s.levelMax = 0, maxLevel-1
		}
		spec, err := Options{RingBytes: 1 << 20}.spec(s)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newLoader(s).start(spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		w := &watched{p, t, below}
		if err := exec.Command("/bin/true").Run(); err != nil {
			t.Fatal(err)
		}
		pid, samples := w.run(exec.Command("/bin/true"))
		if execs := ofKind(samples, KindExec); len(execs) != 1 || execs[0].PID != pid {
			t.Errorf("depth known %t: %d execs, want that of %d", known, len(execs), pid)
		}
	}
}
