//go:build linux

package live

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
)

// step is a state change of a TCP socket just now.
func step(cookie uint64, from, to uint32) bpf.Sample {
	return bpf.Sample{Kind: bpf.KindSocketState, Time: gate.Monotonic(), Socket: bpf.Socket{
		Cookie: cookie, Protocol: unix.IPPROTO_TCP, OldState: from, NewState: to,
	}}
}

// segment is a TCP packet with flags.
func segment(cookie uint64, outbound bool, flags byte) bpf.Sample {
	b := make([]byte, 40)
	b[0], b[9], b[33] = 4<<4|5, unix.IPPROTO_TCP, flags
	return bpf.Sample{Kind: bpf.KindPacket, Time: gate.Monotonic(), Packet: bpf.Packet{Cookie: cookie, Outbound: outbound, Data: b}}
}

// datagram is a UDP packet in IPv6.
func datagram(cookie uint64, outbound bool) bpf.Sample {
	b := make([]byte, 48)
	b[0], b[6] = 6<<4, unix.IPPROTO_UDP
	return bpf.Sample{Kind: bpf.KindPacket, Time: gate.Monotonic(), Packet: bpf.Packet{Cookie: cookie, Outbound: outbound, Data: b}}
}

// ago makes a sample older.
func ago(s bpf.Sample, d time.Duration) bpf.Sample {
	s.Time -= uint64(d)
	return s
}

func TestPeers(t *testing.T) {
	const (
		established, synSent, finWait2 = unix.BPF_TCP_ESTABLISHED, unix.BPF_TCP_SYN_SENT, unix.BPF_TCP_FIN_WAIT2
		closed, listen                 = unix.BPF_TCP_CLOSE, unix.BPF_TCP_LISTEN
	)
	for _, tt := range []struct {
		name    string
		samples []bpf.Sample
		silent  bool
	}{
		{"none", nil, true},
		{"an open connection", []bpf.Sample{step(1, closed, synSent), step(1, synSent, established)}, false},
		{"inherited, then shut by us", []bpf.Sample{step(1, established, finWait2)}, false},
		{"an orphan that waits for the peer's FIN", []bpf.Sample{step(1, synSent, established), step(1, finWait2, closed)}, false},
		{"the same long ago", []bpf.Sample{step(1, synSent, established), ago(step(1, finWait2, closed), 2*lateAnswer)}, true},
		{"its FIN after CLOSE", []bpf.Sample{step(1, synSent, established), step(1, finWait2, closed), segment(1, false, tcpFIN)}, true},
		{"its FIN before CLOSE", []bpf.Sample{step(1, synSent, established), segment(1, false, tcpFIN), step(1, established, unix.BPF_TCP_LAST_ACK), step(1, unix.BPF_TCP_LAST_ACK, closed)}, true},
		{"its FIN, and we are still open", []bpf.Sample{step(1, synSent, established), segment(1, false, tcpFIN)}, false},
		{"our FIN only", []bpf.Sample{step(1, synSent, established), step(1, finWait2, closed), segment(1, true, tcpFIN)}, false},
		{"our RST only", []bpf.Sample{step(1, synSent, established), step(1, established, closed), segment(1, true, tcpRST)}, false},
		{"refused", []bpf.Sample{step(1, closed, synSent), segment(1, false, tcpRST), step(1, synSent, closed)}, true},
		{"given up", []bpf.Sample{step(1, closed, synSent), step(1, synSent, closed)}, false},
		{"connected again after a refusal", []bpf.Sample{step(1, closed, synSent), step(1, synSent, closed), step(1, closed, synSent), segment(1, false, tcpFIN)}, false},
		{"a listener", []bpf.Sample{step(1, closed, listen), step(1, listen, closed)}, true},
		{"one of two", []bpf.Sample{step(1, closed, synSent), step(2, closed, synSent), segment(1, false, tcpRST), step(1, synSent, closed)}, false},
		{"closed before the probe was there", []bpf.Sample{step(1, established, closed)}, true},
		{"no TCP", []bpf.Sample{{Kind: bpf.KindSocketState, Socket: bpf.Socket{Cookie: 1, Protocol: 262, OldState: closed, NewState: synSent}}}, true},
		{"a question", []bpf.Sample{datagram(1, true)}, false},
		{"a question long ago", []bpf.Sample{ago(datagram(1, true), 2*lateAnswer)}, true},
		{"its answer", []bpf.Sample{datagram(1, true), datagram(1, false)}, true},
		{"hostile bytes", []bpf.Sample{
			{Kind: bpf.KindPacket, Packet: bpf.Packet{Data: nil}},
			{Kind: bpf.KindPacket, Packet: bpf.Packet{Data: []byte{4<<4 | 15, 19: 0}}},
			{Kind: bpf.KindPacket, Packet: bpf.Packet{Data: []byte{4<<4 | 15, 9: unix.IPPROTO_TCP, 30: 0}}},
			{Kind: bpf.KindPacket, Packet: bpf.Packet{Data: []byte{6 << 4, 6: unix.IPPROTO_TCP, 39: 0}}},
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p peers
			for i := range tt.samples {
				p.see(&tt.samples[i])
			}
			if got := p.silent(); got != tt.silent {
				t.Errorf("silent %t, want %t: %+v", got, tt.silent, p.waiting)
			}
		})
	}
}

// Past the limit nothing is claimed any more, unless there are some to forget.
func TestPeersLimit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		at     uint64
		silent bool
	}{{"old", 1, true}, {"new", gate.Monotonic(), false}} {
		t.Run(tt.name, func(t *testing.T) {
			var p peers
			for cookie := range uint64(maxPeers) {
				p.add(cookie, tt.at)
			}
			if p.add(maxPeers, 1); len(p.waiting) > maxPeers {
				t.Errorf("%d are waited for", len(p.waiting))
			}
			clear(p.waiting)
			if got := p.silent(); got != tt.silent {
				t.Errorf("silent %t, want %t", got, tt.silent)
			}
		})
	}
}

func FuzzTransport(f *testing.F) {
	f.Add(segment(1, true, tcpFIN).Packet.Data)
	f.Add(datagram(1, true).Packet.Data)
	f.Add([]byte{4<<4 | 15})
	f.Add([]byte{0: 4 << 4, 9: unix.IPPROTO_TCP, 13: 0xff, 39: 0}) // a header without length
	f.Fuzz(func(t *testing.T, b []byte) {
		protocol, flags := transport(b)
		if flags != 0 && (protocol != unix.IPPROTO_TCP || len(b) < 34) {
			t.Errorf("protocol %d, flags %#x of %d bytes", protocol, flags, len(b))
		}
	})
}

func TestDrain(t *testing.T) {
	const pid = 7
	exit := bpf.Sample{Kind: bpf.KindExit, PID: pid}
	open := step(1, unix.BPF_TCP_CLOSE, unix.BPF_TCP_SYN_SENT)
	alone, together := func() bool { return true }, func() bool { return false }
	for _, tt := range []struct {
		name    string
		samples []bpf.Sample
		pause   time.Duration // of the reads after them
		ended   time.Duration // since the command has
		alone   func() bool
		over    bool
	}{
		{"nobody is left", []bpf.Sample{exit}, drainWait, 0, alone, true},
		{"no pause yet", []bpf.Sample{exit}, 0, drainIdle, alone, false},
		{"a child is left", []bpf.Sample{exit}, drainWait, 0, together, false},
		{"a child is left and quiet", []bpf.Sample{exit}, readWait, drainIdle, together, true},
		{"a child is left and talks", []bpf.Sample{exit}, drainWait, drainIdle, together, false},
		{"a child talks and talks", []bpf.Sample{exit}, 0, drainMax, together, true},
		{"a peer may answer", []bpf.Sample{open, exit}, readWait, drainIdle / 2, alone, false},
		{"it did not", []bpf.Sample{open, exit}, readWait, drainIdle, alone, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d drain
			d.nothing() // before the end
			for i := range tt.samples {
				d.found(&tt.samples[i], pid)
			}
			now := time.Now()
			if d.over(now, alone) {
				t.Fatal("over without a look at what the end has brought")
			}
			if tt.pause > 0 {
				d.pause = now.Add(-tt.pause)
			}
			if got := d.over(now.Add(-tt.ended), tt.alone); got != tt.over {
				t.Errorf("over %t, want %t", got, tt.over)
			}
		})
	}
}

// Reads get short when the command has ended, not when a child has.
func TestDrainWait(t *testing.T) {
	var d drain
	d.found(&bpf.Sample{Kind: bpf.KindExit, PID: 8}, 7)
	if d.wait() != readWait {
		t.Errorf("wait %v while the command runs", d.wait())
	}
	d.found(&bpf.Sample{Kind: bpf.KindExit, PID: 7}, 7)
	if d.wait() != drainWait {
		t.Errorf("wait %v after its end", d.wait())
	}
}
