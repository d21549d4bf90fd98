package lab

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Filter is a socket filter: it sees each segment that comes for a server, TCP
// header first, and says how much of it is kept, 0 for none
// (sk_filter_trim_cap in net/core/filter.c).
type Filter []unix.SockFilter

// keepAll is what a filter returns for packets that it lets pass.
const keepAll = 1 << 18

// DropLonger drops segments that are longer than n bytes with their TCP header.
func DropLonger(n uint32) Filter {
	return Filter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, Jt: 0, Jf: 1, K: n},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: keepAll},
	}
}

// DropBetween drops segments of from to to bytes, with their TCP header.
func DropBetween(from, to uint32) Filter {
	return Filter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, Jt: 2, Jf: 0, K: to},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jt: 0, Jf: 1, K: from},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: keepAll},
	}
}

// mark sets what the setup says of the packets of a server's socket; accepted
// connections take it over.
func (s *Server) mark(fd int) error {
	if s.TTL != 0 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, s.TTL); err != nil {
			return os.NewSyscallError("IP_TTL", err)
		}
	}
	if s.Filter == nil {
		return nil
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(s.Filter)), Filter: &s.Filter[0]})
}

// onSocket calls f with the descriptor of a connection or listener.
func onSocket(v any, f func(fd int) error) error {
	sc, ok := v.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no socket", v)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// Vanish answers the first requests; nothing that the client sends after them
// arrives any more, as where a stateful box lost the connection.
func Vanish() Answer {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _ := r.Context().Value(connKey{}).(net.Conn)
			if t, ok := conn.(*tls.Conn); ok {
				conn = t.NetConn()
			}
			// Before the answer: the client's next segment is lost for certain.
			if err := onSocket(conn, dropAll); err != nil {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// ethtool commands (include/uapi/linux/ethtool.h).
const (
	ethtoolSetTSO = 0x1f
	ethtoolSetGSO = 0x24
)

// smallPackets switches segmentation offload off at the cable's end in the
// calling thread's namespace (dev_ethtool in net/ethtool/ioctl.c).
func smallPackets() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	for _, command := range []uint32{ethtoolSetTSO, ethtoolSetGSO} {
		value := struct{ command, on uint32 }{command, 0}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:], cable)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return os.NewSyscallError("SIOCETHTOOL", errno)
		}
	}
	return nil
}
