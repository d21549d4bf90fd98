package bpf

import (
	"net/netip"
	"time"
)

// Kind says what a [Sample] is about and which of its parts is filled in.
type Kind uint32

// Kinds of samples; the kernel hook that each comes from is named behind it.
// The values are enum event_kind of event.h.
const (
	// KindPacket fills Packet: cgroup_skb, or the gap filler
	// (netif_receive_skb, net_dev_queue).
	KindPacket Kind = 1
	// KindFork fills Process.Child, Process.Parent: sched_process_fork.
	KindFork Kind = 2
	// KindExec fills Process: sched_process_exec.
	KindExec Kind = 3
	// KindExit fills Process.Status: sched_process_exit of the last thread.
	KindExit Kind = 4
	// KindSecret fills Secret: crypto/tls.(*Config).writeKeyLog.
	KindSecret Kind = 5
	// KindSocketCreate and all below fill Socket: cgroup/sock_create.
	KindSocketCreate Kind = 6
	// KindSocketConnect is connect(2) being called; Remote is the address that
	// was dialled: cgroup/connect4, connect6.
	KindSocketConnect Kind = 7
	// KindSocketConnected is connect(2) returning, Errno its result; only
	// Cookie and Errno are filled in: sys_exit_connect.
	KindSocketConnected Kind = 8
	// KindSocketState is a TCP state change: inet_sock_set_state.
	KindSocketState Kind = 9
	// KindRetransmit is a TCP segment sent again: tcp_retransmit_skb.
	KindRetransmit Kind = 10
	// KindResetOut is a RST that the host sent on this socket: tcp_send_reset.
	KindResetOut Kind = 11
	// KindResetIn is a RST that arrived on this socket: tcp_receive_reset.
	KindResetIn Kind = 12
	// KindSocketError is an asynchronous error, Errno says which:
	// inet_sk_error_report.
	KindSocketError Kind = 13
)

// Sample is one observation of the kernel side.
type Sample struct {
	Kind Kind
	// Time is CLOCK_MONOTONIC in nanoseconds (bpf_ktime_get_ns). It is taken
	// just before the sample gets its place in the ring, so that samples of two
	// CPUs may be a few microseconds out of order.
	Time uint64
	// PID and TID are the process (thread group) and thread: for a packet and
	// for the socket kinds those that created the socket, otherwise those that
	// were running. 0 is unknown (the socket is older than the probe). They are
	// numbers of the initial PID namespace.
	PID, TID uint32
	// Comm is the name of that thread (task_struct.comm); may be empty.
	Comm string

	Packet  Packet
	Process Process
	Socket  Socket
	Secret  Secret
}

// Packet is one packet, or one GSO super-packet, from its IP header on. In one of
// more than 64 KiB (BIG TCP, which the loopback interface has by default) the IPv4
// total length and the IPv6 payload length are 0, and an IPv6 one that is sent may
// carry a jumbo payload option (RFC 2675): Length counts.
type Packet struct {
	// Cookie is the kernel's socket cookie. During a passive open it is the
	// listener's; of an MPTCP socket it is that of the subflow. 0 is unknown.
	Cookie uint64
	// Data are the captured bytes, valid until the next [Probe.Read] or [Probe.Close].
	Data []byte
	// Length is the packet's length in bytes from the IP header on, at least
	// len(Data).
	Length int
	// Outbound is set when the host sends the packet.
	Outbound bool
	// Filled is set when the socket no longer (or never) met the packet and the
	// gap filler saw it: after CLOSE, and ICMP errors. Its Data are cut at 256
	// bytes.
	Filled bool
}

// Process is a step in the life of a process; threads are not processes.
type Process struct {
	// Child and Parent are process ids, KindFork only.
	Child, Parent uint32
	// PPID is the parent's process id, KindExec only.
	PPID uint32
	// Exe is the path as given to execve(2) (bprm->filename), cut at 1023 bytes.
	// For a script it is the script.
	Exe string
	// Argv are the arguments as they lie in memory, each ended by a zero byte,
	// cut at 1023 bytes. Valid until the next [Probe.Read] or [Probe.Close].
	Argv []byte
	// ArgvCut says that Argv is not all.
	ArgvCut bool
	// Ino and Dev are the inode number and device of the executable, for a
	// script of its interpreter, in the encoding of stat(2). On overlayfs and
	// btrfs stat(2) may show others.
	Ino, Dev uint64
	// Status is the wait(2) status word, KindExit only.
	Status uint32
}

// Socket is a step in the life of a socket.
type Socket struct {
	// Cookie is the kernel's socket cookie: unique for each socket since boot.
	Cookie uint64
	// Family is AF_INET (2) or AF_INET6 (10); Type is SOCK_STREAM (1),
	// SOCK_DGRAM (2), ...; Protocol is IPPROTO_*.
	Family, Type, Protocol uint32
	// OldState and NewState are TCP_* of include/net/tcp_states.h,
	// KindSocketState only.
	OldState, NewState uint32
	// Errno is a positive errno; 0 is success.
	Errno uint32
	// Local and Remote are the zero AddrPort where not known: the local port is
	// 0 in SYN_SENT and after the last CLOSE. IPv4 in IPv6 is unmapped.
	Local, Remote netip.AddrPort
	// SRTT is the kernel's smoothed round-trip time; 0 where unknown.
	SRTT time.Duration
	// Retransmits is the kernel's count for this socket so far
	// (tcp_sock.total_retrans).
	Retransmits uint32
}

// Secret is one TLS secret, as crypto/tls hands it to its key log. A goroutine
// whose stack grows in that call gives the same secret twice.
type Secret struct {
	// Label is e.g. CLIENT_HANDSHAKE_TRAFFIC_SECRET, CLIENT_RANDOM.
	Label string
	// ClientRandom (32 bytes) and Secret are valid until the next [Probe.Read]
	// or [Probe.Close].
	ClientRandom, Secret []byte
}
