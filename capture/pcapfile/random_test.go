package pcapfile

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// randomEvents makes events of every type in no particular order; the same
// seed makes the same events.
type randomEvents struct {
	*rand.Rand
	clock time.Time
	frame int
	// packetSize bounds the packets' length.
	packetSize int
}

func newRandomEvents(seed uint64) *randomEvents {
	return &randomEvents{rand.New(rand.NewPCG(seed, 7)), time.Unix(1700000000, 1).UTC(), 0, 3000}
}

func (r *randomEvents) next() capture.Event {
	r.clock = r.clock.Add(time.Duration(r.Int64N(int64(20 * time.Millisecond))))
	t := r.clock
	switch r.IntN(14) {
	case 0:
		return &capture.Process{Time: t, Kind: capture.Exec, PID: r.Uint32(), PPID: r.Uint32(), Exe: r.text(), Argv: r.list(), ArgvCut: r.bool(), TLS: r.text(), Missing: r.text()}
	case 1:
		return &capture.Process{Time: t, Kind: capture.ExitProc, PID: r.Uint32(), WaitStatus: r.Uint32()}
	case 2:
		return &capture.Socket{Time: t, Kind: capture.SocketState, Cookie: r.Uint64(), PID: r.Uint32(), Type: 1, Protocol: 6, Local: r.address(), Remote: r.address(),
			OldState: r.Uint32(), NewState: r.Uint32(), Errno: r.Uint32(), SRTT: time.Duration(r.Int64()), Retransmits: r.Uint32()}
	case 3:
		return &capture.Command{Time: t, Argv: r.list(), PID: r.Uint32(), UID: r.Uint32(), Dir: r.text()}
	case 4:
		return &capture.Exit{Time: t, Code: r.IntN(256) - 1, Signal: r.text(), Interrupted: r.bool()}
	case 5:
		return &capture.Environment{Time: t, GoVersion: r.text(), GOROOT: r.text(), GoEnv: map[string]capture.Setting{"GOPROXY": {Value: r.text(), Origin: r.text()}, r.text(): {}},
			Proxy: map[string]string{"https_proxy": r.text()}, TLS: map[string]string{r.text(): r.text()}, Resolvers: r.list()}
	case 6:
		return &capture.Lost{Time: t, Packets: r.Uint64(), Events: r.Uint64()}
	case 7:
		return &capture.Cut{Time: t, Packets: r.Uint64(), Bytes: r.Uint64()}
	case 8:
		return &capture.NotSeen{Time: t, Text: r.text()}
	case 9:
		return r.secret()
	}
	return r.packet()
}

func (r *randomEvents) packet() *capture.Packet {
	r.frame++
	p := &capture.Packet{Time: r.clock, Frame: r.frame, Link: capture.LinkRaw, Data: r.bytes(r.IntN(r.packetSize)), Direction: capture.Direction(r.IntN(3))}
	p.Length = len(p.Data) + r.IntN(2)*r.IntN(1000)
	if r.IntN(4) > 0 {
		p.Socket, p.PID, p.Comm, p.Filled = r.Uint64(), r.Uint32(), fmt.Sprint("go", r.IntN(5)), r.IntN(9) == 0
	}
	if r.IntN(8) == 0 {
		p.Socket, p.PID, p.Comm = 0, 0, r.text()
	}
	p.Upstream = r.IntN(16) == 0
	if r.IntN(8) == 0 {
		p.Link = capture.LinkType(r.IntN(3) + 227) // 228 is IPv4, 229 IPv6
	}
	return p
}

func (r *randomEvents) secret() *capture.Secret {
	s := &capture.Secret{Time: r.clock, Label: fmt.Sprint("LABEL_", r.IntN(5)), ClientRandom: r.bytes(32), Secret: r.bytes(48), PID: r.Uint32(), From: "crypto/tls"}
	switch r.IntN(8) {
	case 0: // again
		s.ClientRandom, s.Secret = []byte{1}, []byte{2}
	case 1: // no key log line
		s.Label = r.text()
	case 2:
		s.ClientRandom = nil
	}
	return s
}

// text is anything that can stand in an argument of a program.
func (r *randomEvents) text() string {
	texts := []string{"", "go", "GOPROXY=a,b|c", "\xff\xfe", "a\x00b\n\"<&>", "日本\u2028\ufffd", "\U0010ff41\U0010ffff", "\xf4\x8f\xbc", " x\t"}
	return texts[r.IntN(len(texts))] + texts[r.IntN(len(texts))]
}

// list is never empty: JSON cannot tell an empty list from none.
func (r *randomEvents) list() []string {
	l := []string{r.text()}
	for range r.IntN(4) {
		l = append(l, r.text())
	}
	return l
}

func (r *randomEvents) address() netip.AddrPort {
	switch r.IntN(3) {
	case 0:
		return netip.AddrPort{}
	case 1:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(r.bytes(4))), uint16(r.Uint32()))
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(r.bytes(16))), uint16(r.Uint32()))
}

func (r *randomEvents) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r *randomEvents) bool() bool { return r.IntN(2) == 0 }
