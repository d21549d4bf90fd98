//go:build linux

package bpf

import (
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bytesOf returns the memory of a struct of event.h as a record.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// Every record that is too short, or says that it is longer than it is, is
// refused.
func TestDecodeBad(t *testing.T) {
	event := func(k Kind) gopxEvent { return gopxEvent{Kind: uint32(k)} }
	records := map[string][]byte{
		"packet":          append(bytesOf(&gopxPacketEvent{Event: event(KindPacket), Captured: 5}), "1234"...),
		"exe":             bytesOf(&gopxExecEvent{Event: event(KindExec), ExeLen: 1025}),
		"argv":            bytesOf(&gopxExecEvent{Event: event(KindExec), ArgvLen: 1 << 31}),
		"label":           bytesOf(&gopxSecretEvent{Event: event(KindSecret), LabelLen: 49}),
		"secret":          bytesOf(&gopxSecretEvent{Event: event(KindSecret), SecretLen: 65}),
		"kind":            bytesOf(&gopxSocketEvent{Event: event(KindSocketError + 1)}),
		"short fork":      bytesOf(&gopxForkEvent{Event: event(KindFork)})[:44],
		"short exit":      bytesOf(&gopxExitEvent{Event: event(KindExit)})[:44],
		"short socket":    bytesOf(&gopxSocketEvent{Event: event(KindSocketState)})[:100],
		"short event":     make([]byte, 39),
		"empty":           nil,
		"packet's header": bytesOf(&gopxPacketEvent{Event: event(KindPacket)})[:60],
	}
	for name, record := range records {
		if err := new(decoder).decode(record, new(Sample)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAddrPort(t *testing.T) {
	mapped := [16]byte{10: 0xff, 0xff, 192, 0, 2, 1}
	for _, test := range []struct {
		family uint32
		addr   [16]byte
		port   uint16
		want   string
	}{
		{unix.AF_INET, [16]byte{192, 0, 2, 1}, 80, "192.0.2.1:80"},
		{unix.AF_INET6, [16]byte{0x20, 1, 0xd, 0xb8, 15: 1}, 443, "[2001:db8::1]:443"},
		{unix.AF_INET6, mapped, 80, "192.0.2.1:80"},
		{unix.AF_INET, [16]byte{192, 0, 2, 1}, 0, "192.0.2.1:0"},
		{unix.AF_INET, [16]byte{}, 53, "0.0.0.0:53"},
		{unix.AF_INET, [16]byte{}, 0, netip.AddrPort{}.String()},
		{unix.AF_UNIX, [16]byte{1}, 1, netip.AddrPort{}.String()},
	} {
		if got := addrPort(test.family, test.addr, test.port); got.String() != test.want {
			t.Errorf("family %d, %v, %d: %v, want %v", test.family, test.addr, test.port, got, test.want)
		}
	}
}

func TestDecodeComm(t *testing.T) {
	var d decoder
	for _, name := range []string{"go", "go", "git-remote-http", "", "go"} {
		e := gopxExitEvent{Event: gopxEvent{Kind: uint32(KindExit)}}
		copy(e.Event.Comm[:], name)
		var s Sample
		if err := d.decode(bytesOf(&e), &s); err != nil || s.Comm != name {
			t.Errorf("comm %q, %v; want %q", s.Comm, err, name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for k := range KindSocketError + 2 {
		f.Add(bytesOf(&gopxExecEvent{Event: gopxEvent{Kind: uint32(k)}}))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		// The ring aligns its records.
		words := make([]uint64, len(record)/8+1)
		aligned := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(record))
		copy(aligned, record)
		var s Sample
		if err := new(decoder).decode(aligned, &s); err != nil {
			return
		}
		if s.Kind == 0 || len(s.Packet.Data)+len(s.Process.Argv)+len(s.Secret.Secret) > len(record) {
			t.Errorf("%+v from %d bytes", s, len(record))
		}
	})
}
