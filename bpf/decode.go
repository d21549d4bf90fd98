//go:build linux

package bpf

import (
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// decoder turns records of event.h into samples.
type decoder struct {
	// comm and name are the last thread name as it came and as a string: packets
	// of one process come in rows, and need no new string each.
	comm [16]uint8
	name string
}

// view returns the record as a struct of event.h; nil if it is too short. The
// ring aligns records to 8 bytes, as the structs want it.
func view[T any](record []byte) *T {
	var t T
	if len(record) < int(unsafe.Sizeof(t)) {
		return nil
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(record)))
}

// decode fills s from a record. Slices of s point into the record.
func (d *decoder) decode(record []byte, s *Sample) error {
	e := view[gopxEvent](record)
	if e == nil {
		return fmt.Errorf("record of %d bytes", len(record))
	}
	*s = Sample{Kind: Kind(e.Kind), Time: e.Time, PID: e.Pid, TID: e.Tid, Comm: d.string(&e.Comm)}
	var ok bool
	switch s.Kind {
	case KindPacket:
		ok = s.Packet.decode(record)
	case KindFork, KindExec, KindExit:
		ok = s.Process.decode(s.Kind, record)
	case KindSecret:
		ok = s.Secret.decode(record)
	default:
		ok = s.Kind >= KindSocketCreate && s.Kind <= KindSocketError && s.Socket.decode(record)
	}
	if !ok {
		return fmt.Errorf("record of kind %d with %d bytes", e.Kind, len(record))
	}
	return nil
}

// string returns comm up to its first zero.
func (d *decoder) string(comm *[16]uint8) string {
	if *comm != d.comm {
		d.comm, d.name = *comm, unix.ByteSliceToString(comm[:])
	}
	return d.name
}

func (p *Packet) decode(record []byte) bool {
	e := view[gopxPacketEvent](record)
	if e == nil {
		return false
	}
	data := record[unsafe.Sizeof(*e):]
	if uint64(e.Captured) > uint64(len(data)) {
		return false
	}
	*p = Packet{
		Cookie:   e.Cookie,
		Data:     data[:e.Captured:e.Captured],
		Length:   int(e.Length),
		Outbound: e.Outbound != 0,
		Filled:   e.Filled != 0,
	}
	return true
}

func (p *Process) decode(kind Kind, record []byte) bool {
	switch kind {
	case KindFork:
		if e := view[gopxForkEvent](record); e != nil {
			p.Child, p.Parent = e.Child, e.Parent
			return true
		}
	case KindExit:
		if e := view[gopxExitEvent](record); e != nil {
			p.Status = e.Status
			return true
		}
	case KindExec:
		if e := view[gopxExecEvent](record); e != nil {
			return p.decodeExec(e)
		}
	}
	return false
}

func (p *Process) decodeExec(e *gopxExecEvent) bool {
	if int(e.ExeLen) > len(e.Exe) || int(e.ArgvLen) > len(e.Argv) {
		return false
	}
	*p = Process{
		PPID:    e.Ppid,
		Exe:     string(e.Exe[:e.ExeLen]),
		Argv:    e.Argv[:e.ArgvLen],
		ArgvCut: uint64(e.ArgvLen) < e.ArgvAll,
		Ino:     e.Inode,
		Dev:     unix.Mkdev(e.Dev>>20, e.Dev&(1<<20-1)),
	}
	return true
}

func (s *Socket) decode(record []byte) bool {
	e := view[gopxSocketEvent](record)
	if e == nil {
		return false
	}
	*s = Socket{
		Cookie:      e.Cookie,
		Family:      e.Family,
		Type:        e.Type,
		Protocol:    e.Protocol,
		OldState:    e.OldState,
		NewState:    e.NewState,
		Errno:       e.Error,
		Local:       addrPort(e.Family, e.Local, e.LocalPort),
		Remote:      addrPort(e.Family, e.Remote, e.RemotePort),
		SRTT:        time.Duration(e.Srtt) * time.Microsecond,
		Retransmits: e.Retransmits,
	}
	return true
}

// addrPort returns the zero AddrPort for "any" with port 0, which is an end of a
// socket that was not set yet.
func addrPort(family uint32, addr [16]uint8, port uint16) netip.AddrPort {
	var a netip.Addr
	switch family {
	case unix.AF_INET:
		a = netip.AddrFrom4([4]byte(addr[:4]))
	case unix.AF_INET6:
		a = netip.AddrFrom16(addr).Unmap()
	default:
		return netip.AddrPort{}
	}
	if a.IsUnspecified() && port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}

func (s *Secret) decode(record []byte) bool {
	e := view[gopxSecretEvent](record)
	if e == nil || int(e.LabelLen) > len(e.Label) || int(e.SecretLen) > len(e.Secret) {
		return false
	}
	*s = Secret{
		Label:        string(e.Label[:e.LabelLen]),
		ClientRandom: e.Random[:],
		Secret:       e.Secret[:e.SecretLen],
	}
	return true
}
