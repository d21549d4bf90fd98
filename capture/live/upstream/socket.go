//go:build linux

package upstream

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// snap is how much of a packet is read: DNS over UDP is not longer.
	snap = 4096 + 256
	// receiveBuffer is what may wait in the kernel, in bytes.
	receiveBuffer = 1 << 20
	// maxArrived bounds what waits here, in packets; past it they are lost.
	maxArrived = maxHeld
)

// socket is a packet socket that is read in the background.
type socket struct {
	file *os.File
	raw  syscall.RawConn
	done chan struct{} // closed when nothing is read any more

	mu      sync.Mutex
	arrived []heard
	lost    uint64
}

// openSocket opens the socket. It is bound last, so that no packet precedes the
// filter.
func openSocket() (*socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s := &socket{file: os.NewFile(uintptr(fd), "packet socket"), done: make(chan struct{})}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, err
	}
	go s.read()
	return s, nil
}

// prepare sets the options and binds.
func prepare(fd int) error {
	// Without the right to that size it is what the system gives.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_TIMESTAMPNS", err)
	}
	program, err := bpf.Assemble(filter())
	if err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	code := make([]unix.SockFilter, 0, len(program))
	for _, i := range program {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}); err != nil {
		return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all}))
}

// filter accepts UDP and TCP from and to the ports of DNS, and ICMP errors that say
// that something cannot be reached, but not on loopback. A packet begins with its IP header here (net/packet/af_packet.c, packet_rcv).
func filter() []bpf.Instruction {
	const ports, icmp4, icmp6, accept, drop = 17, 24, 26, 28, 29
	to := func(at, target int) uint8 { return uint8(target - at - 1) }
	return []bpf.Instruction{
		0: bpf.LoadExtension{Num: bpf.ExtLinkLayerType},
		1: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ARPHRD_LOOPBACK, SkipTrue: to(1, drop)},
		2: bpf.LoadAbsolute{Off: 0, Size: 1},
		3: bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
		4: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6, SkipTrue: to(4, 11)},
		5: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 4, SkipFalse: to(5, drop)},
		6: bpf.LoadAbsolute{Off: 6, Size: 2},
		7: bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: to(7, drop)}, // a later fragment
		8: bpf.LoadMemShift{Off: 0},
		9: bpf.LoadAbsolute{Off: 9, Size: 1},

		10: bpf.Jump{Skip: 13 - 10 - 1},
		11: bpf.LoadConstant{Dst: bpf.RegX, Val: 40},
		12: bpf.LoadAbsolute{Off: 6, Size: 1},
		13: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: to(13, ports)},
		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: to(14, ports)},
		15: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMP, SkipTrue: to(15, icmp4)},
		16: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: to(16, icmp6), SkipFalse: to(16, drop)},

		ports: bpf.LoadIndirect{Off: 0, Size: 2},
		18:    bpf.JumpIf{Cond: bpf.JumpEqual, Val: portDNS, SkipTrue: to(18, accept)},
		19:    bpf.JumpIf{Cond: bpf.JumpEqual, Val: portEncrypted, SkipTrue: to(19, accept)},
		20:    bpf.LoadIndirect{Off: 2, Size: 2},
		21:    bpf.JumpIf{Cond: bpf.JumpEqual, Val: portDNS, SkipTrue: to(21, accept)},
		22:    bpf.JumpIf{Cond: bpf.JumpEqual, Val: portEncrypted, SkipTrue: to(22, accept)},
		23:    bpf.Jump{Skip: drop - 23 - 1},

		icmp4: bpf.LoadIndirect{Off: 0, Size: 1},
		25:    bpf.JumpIf{Cond: bpf.JumpEqual, Val: unreachable4, SkipTrue: to(25, accept), SkipFalse: to(25, drop)},
		icmp6: bpf.LoadIndirect{Off: 0, Size: 1},
		27:    bpf.JumpIf{Cond: bpf.JumpEqual, Val: unreachable6, SkipFalse: to(27, drop)},

		accept: bpf.RetConstant{Val: snap},
		drop:   bpf.RetConstant{Val: 0},
	}
}

// read reads until stop or close.
func (s *socket) read() {
	defer close(s.done)
	b := make([]byte, snap)
	// It never has enough: this ends with the deadline that stop sets, or close.
	_ = s.raw.Read(func(fd uintptr) bool { s.drain(int(fd), b); return false })
	_ = s.raw.Control(func(fd uintptr) { s.drain(int(fd), b) })
}

// drain reads what is there.
func (s *socket) drain(fd int, b []byte) {
	oob := make([]byte, unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))))
	for {
		n, oobn, _, from, err := unix.Recvmsg(fd, b, oob, unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		if link, ok := from.(*unix.SockaddrLinklayer); ok {
			s.arrive(b[:n], link.Pkttype, stamp(oob[:oobn]))
		}
	}
}

// arrive keeps a packet that left this host or was for it.
func (s *socket) arrive(b []byte, kind uint8, at time.Time) {
	if kind != unix.PACKET_OUTGOING && kind != unix.PACKET_HOST {
		return
	}
	b = b[:min(max(ipLength(b), 0), len(b))] // without the padding of short frames
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.arrived) >= maxArrived {
		s.lost++
		return
	}
	s.arrived = append(s.arrived, heard{at: at, data: append([]byte(nil), b...), outbound: kind == unix.PACKET_OUTGOING})
}

// stamp returns the time of a packet, which the kernel took when it passed.
func stamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
				return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
	return time.Now()
}

// fetch returns what has arrived since the last call.
func (s *socket) fetch() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	arrived := s.arrived
	s.arrived = nil
	return arrived
}

// drops returns how many packets were lost since the last call.
func (s *socket) drops() uint64 {
	s.mu.Lock()
	n := s.lost
	s.lost = 0
	s.mu.Unlock()
	_ = s.raw.Control(func(fd uintptr) {
		if st, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n += uint64(st.Drops) // the kernel begins anew with each call
		}
	})
	return n
}

// stop ends the reading, after what is there already.
func (s *socket) stop() {
	if s.file.SetReadDeadline(time.Unix(1, 0)) != nil {
		s.file.Close() // no deadline: then nothing more is read
	}
	<-s.done
}

// close ends the reading and closes the socket.
func (s *socket) close() {
	_ = s.file.Close() // of a socket that is only read
	<-s.done
}
