//go:build linux

package live

import (
	"bytes"
	"time"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
)

// translator makes events of samples.
type translator struct {
	// offset is wall clock minus CLOCK_MONOTONIC in nanoseconds. It is taken
	// once: a step of the wall clock must not tear the trace apart.
	offset int64
	// from is when the command was let go (CLOCK_MONOTONIC, ns): the start of our
	// own stub before it is nobody's business.
	from uint64
	// verdict returns what was found in the executable of an exec.
	verdict func(*bpf.Sample) gate.Verdict
	// forked is told of each process that began, ended of each that ended.
	forked func(parent, child uint32)
	ended  func(pid uint32)

	frames int
	seen   recentSecrets
	packet capture.Packet // the event of the last packet, used again
}

// wallOffset measures wall clock minus CLOCK_MONOTONIC. The two cannot be read
// at once; of several tries the quickest is the best.
func wallOffset() int64 {
	best, offset := ^uint64(0), int64(0)
	for range 16 {
		before := gate.Monotonic()
		wall := time.Now().UnixNano()
		after := gate.Monotonic()
		if took := after - before; took < best {
			best, offset = took, wall-int64(before+took/2)
		}
	}
	return offset
}

// time converts a sample's time.
func (t *translator) time(mono uint64) time.Time {
	return time.Unix(0, int64(mono)+t.offset).UTC()
}

// event returns the event of a sample, or nil if it is none of the command's.
// It is valid until the next call.
func (t *translator) event(s *bpf.Sample) capture.Event {
	switch s.Kind {
	case bpf.KindPacket:
		return t.packetEvent(s)
	case bpf.KindFork, bpf.KindExec, bpf.KindExit:
		return t.processEvent(s)
	case bpf.KindSecret:
		return t.secretEvent(s)
	}
	if kind, ok := socketKind(s.Kind); ok {
		return t.socketEvent(s, kind)
	}
	return nil
}

// packetEvent numbers the packet as Wireshark will.
func (t *translator) packetEvent(s *bpf.Sample) capture.Event {
	t.frames++
	t.packet = capture.Packet{
		Time: t.time(s.Time), Frame: t.frames, Link: capture.LinkRaw,
		Data: s.Packet.Data, Length: max(s.Packet.Length, len(s.Packet.Data)),
		Direction: capture.Inbound, Socket: s.Packet.Cookie, PID: s.PID, Comm: s.Comm, Filled: s.Packet.Filled,
	}
	if s.Packet.Outbound {
		t.packet.Direction = capture.Outbound
	}
	return &t.packet
}

// processEvent adds what the gate found to an exec.
func (t *translator) processEvent(s *bpf.Sample) capture.Event {
	p := &capture.Process{Time: t.time(s.Time), PID: s.PID}
	switch s.Kind {
	case bpf.KindFork:
		if s.Time < t.from {
			return nil
		}
		p.Kind, p.PID, p.PPID = capture.Fork, s.Process.Child, s.Process.Parent
		t.forked(p.PPID, p.PID)
	case bpf.KindExit:
		p.Kind, p.WaitStatus = capture.ExitProc, s.Process.Status
		t.ended(s.PID)
	case bpf.KindExec:
		if s.Time < t.from {
			return nil
		}
		v := t.verdict(s)
		p.Kind, p.PPID, p.Exe = capture.Exec, s.Process.PPID, s.Process.Exe
		p.Argv, p.ArgvCut = splitArgv(s.Process.Argv, s.Process.ArgvCut), s.Process.ArgvCut
		p.TLS, p.Missing = v.TLS, v.Missing
	}
	return p
}

// splitArgv splits arguments that are ended by zero bytes. If they were cut, what
// is left of the last is dropped: half a URL is another URL.
func splitArgv(b []byte, cut bool) []string {
	if cut {
		b = b[:bytes.LastIndexByte(b, 0)+1]
	}
	var argv []string
	for len(b) > 0 {
		arg, rest, _ := bytes.Cut(b, []byte{0})
		argv = append(argv, string(arg))
		b = rest
	}
	return argv
}

// secretEvent drops what was seen before: the probe may give a secret twice,
// and a program may write it to its key log as well.
func (t *translator) secretEvent(s *bpf.Sample) capture.Event {
	e := &capture.Secret{
		Time: t.time(s.Time), Label: s.Secret.Label, ClientRandom: s.Secret.ClientRandom,
		Secret: s.Secret.Secret, PID: s.PID, From: "crypto/tls",
	}
	if t.seen.add(e) {
		return nil
	}
	return e
}

// socketKind is the event kind of a sample kind; ok is false for other samples.
func socketKind(k bpf.Kind) (kind capture.SocketKind, ok bool) {
	switch k {
	case bpf.KindSocketCreate:
		return capture.SocketCreate, true
	case bpf.KindSocketConnect:
		return capture.SocketConnect, true
	case bpf.KindSocketConnected:
		return capture.SocketConnected, true
	case bpf.KindSocketState:
		return capture.SocketState, true
	case bpf.KindRetransmit:
		return capture.SocketRetransmit, true
	case bpf.KindResetOut:
		return capture.SocketResetOut, true
	case bpf.KindResetIn:
		return capture.SocketResetIn, true
	case bpf.KindSocketError:
		return capture.SocketError, true
	}
	return "", false
}

// socketEvent copies a socket sample.
func (t *translator) socketEvent(s *bpf.Sample, kind capture.SocketKind) capture.Event {
	k := &s.Socket
	return &capture.Socket{
		Time: t.time(s.Time), Kind: kind, Cookie: k.Cookie, PID: s.PID,
		Type: k.Type, Protocol: k.Protocol, Local: k.Local, Remote: k.Remote,
		OldState: k.OldState, NewState: k.NewState, Errno: k.Errno,
		SRTT: k.SRTT, Retransmits: k.Retransmits,
	}
}

// maxRecent is how many secrets are remembered: those of a thousand handshakes.
const maxRecent = 4096

// recentSecrets remembers which secrets were seen lately.
type recentSecrets struct {
	order []string
	next  int
	in    map[string]bool
}

// add remembers a secret and reports whether it was there already.
func (r *recentSecrets) add(s *capture.Secret) bool {
	key := s.Label + "\x00" + string(s.ClientRandom)
	if r.in[key] {
		return true
	}
	if r.in == nil {
		r.in = map[string]bool{}
	}
	r.in[key] = true
	if len(r.order) < maxRecent {
		r.order = append(r.order, key)
		return false
	}
	delete(r.in, r.order[r.next])
	r.order[r.next] = key
	r.next = (r.next + 1) % maxRecent
	return false
}
