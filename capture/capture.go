// Package capture is what was observed, in time order: packets, TLS secrets,
// processes, sockets, settings and losses, as events.
//
// Events come from a [Source]: a live machine (capture/live) or a file
// (capture/pcapfile). A recording is a [Tee] between a source and a file, so
// that whoever reads events cannot tell a live run from its recording.
package capture

import (
	"net/netip"
	"time"
)

// Event is one observation. The concrete types are [Packet], [Secret],
// [Process], [Socket], [Command], [Exit], [Environment], [Lost], [Cut],
// [NotSeen] and, from a live machine only, [Tick].
type Event interface {
	// When is the wall-clock time of the observation, nanosecond resolution, UTC.
	When() time.Time
}

// Source yields events in the order in which they were observed.
type Source interface {
	// Next blocks for the next event. It returns io.EOF after the last one.
	// The event and the bytes it refers to are valid until the next call.
	// A damaged file yields all that could be read and then an error that
	// wraps io.ErrUnexpectedEOF or says what is wrong.
	Next() (Event, error)
	Close() error
}

// Sink keeps events. Write must not hold on to the event after it returns.
type Sink interface {
	Write(Event) error
	Close() error
}

// LinkType is a link-layer header type as registered by tcpdump.org
// (LINKTYPE_*). It is 16 bits wide, as in pcapng.
type LinkType uint16

// LinkRaw is LINKTYPE_RAW: packets begin with the IPv4 or IPv6 header, as
// cgroup_skb programs see them.
const LinkRaw LinkType = 101

// Direction of a packet as seen from the observed host.
type Direction uint8

// Directions; values as in the pcapng epb_flags word.
const (
	DirectionUnknown Direction = 0
	Inbound          Direction = 1
	Outbound         Direction = 2
)

// Packet is one packet, or one GSO super-packet, as captured.
type Packet struct {
	Time time.Time
	// Frame is the number Wireshark gives the packet: 1 for the first.
	Frame int
	Link  LinkType
	// Data are the captured bytes; valid until the next call of Source.Next.
	Data []byte
	// Length is the packet's length on the wire in bytes, at least len(Data).
	Length    int
	Direction Direction
	// Socket is the kernel's socket cookie; 0 where unknown.
	Socket uint64
	// PID is the process (thread group) that created the socket; 0 where unknown.
	PID uint32
	// Comm is the name of that process, for the packet comment; may be empty.
	Comm string
	// Filled is set when the socket was closed before the packet came: no
	// process got its payload, of which little is captured.
	Filled bool
	// Upstream is set when the packet is none of the command's: the local
	// resolver that the command asked passed a name of its on to another server.
	Upstream bool
}

// Secret is one TLS secret as in a line of an NSS key log
// (https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-02.html).
type Secret struct {
	Time time.Time
	// Label is e.g. CLIENT_HANDSHAKE_TRAFFIC_SECRET, CLIENT_RANDOM.
	Label        string
	ClientRandom []byte
	Secret       []byte
	// PID is the process that derived it; 0 where unknown.
	PID uint32
	// From says how it was got: "crypto/tls" (probe), "sslkeylogfile", "file".
	From string
}

// ProcessKind tells what happened to a process.
type ProcessKind string

// Kinds of [Process] events.
const (
	Fork     ProcessKind = "fork"
	Exec     ProcessKind = "exec"
	ExitProc ProcessKind = "exit"
)

// Process is a step in the life of a process of the traced tree.
// Threads are not processes.
type Process struct {
	Time time.Time   `json:"time"`
	Kind ProcessKind `json:"kind"`
	PID  uint32      `json:"pid"`
	PPID uint32      `json:"ppid,omitempty"`
	// Exe is the path as given to execve (bprm->filename), Exec only.
	Exe string `json:"exe,omitempty"`
	// Argv is cut at 1023 bytes by the probe; ArgvCut says so. An argument that
	// is not all there is left out.
	Argv    []string `json:"argv,omitempty"`
	ArgvCut bool     `json:"argv_cut,omitempty"`
	// TLS is the stack found in the executable: crypto/tls, openssl, gnutls
	// or none; empty where it was not examined.
	TLS string `json:"tls,omitempty"`
	// Missing says why the process could be observed only in part (no probe
	// could be placed, ...); empty when it is fully observed.
	Missing string `json:"missing,omitempty"`
	// WaitStatus is the wait(2) status word, ExitProc only.
	WaitStatus uint32 `json:"wait_status,omitempty"`
}

// SocketKind tells what happened to a socket.
type SocketKind string

// Kinds of [Socket] events and the kernel hook each comes from.
const (
	SocketCreate     SocketKind = "create"       // cgroup/sock_create
	SocketConnect    SocketKind = "connect"      // cgroup/connect4, connect6: the address that was dialled
	SocketConnected  SocketKind = "connect-done" // sys_exit_connect: Errno (0, EINPROGRESS, ECONNREFUSED, ...)
	SocketState      SocketKind = "state"        // inet_sock_set_state
	SocketRetransmit SocketKind = "retransmit"   // tcp_retransmit_skb
	SocketResetOut   SocketKind = "reset-out"    // tcp_send_reset
	SocketResetIn    SocketKind = "reset-in"     // tcp_receive_reset
	SocketError      SocketKind = "error"        // inet_sk_error_report: Errno
)

// Socket is a step in the life of a socket of the traced tree.
type Socket struct {
	Time   time.Time  `json:"time"`
	Kind   SocketKind `json:"kind"`
	Cookie uint64     `json:"cookie"`
	PID    uint32     `json:"pid,omitempty"`
	// Type is SOCK_STREAM (1) or SOCK_DGRAM (2); Protocol is IPPROTO_*.
	Type     uint32 `json:"type,omitempty"`
	Protocol uint32 `json:"protocol,omitempty"`
	// Local and Remote are the zero AddrPort where not known at that moment.
	Local  netip.AddrPort `json:"local,omitzero"`
	Remote netip.AddrPort `json:"remote,omitzero"`
	// OldState and NewState are TCP_* of include/net/tcp_states.h, State only.
	OldState uint32 `json:"old_state,omitempty"`
	NewState uint32 `json:"new_state,omitempty"`
	// Errno is a positive errno; 0 is success.
	Errno uint32 `json:"errno,omitempty"`
	// SRTT is the kernel's smoothed round-trip time; 0 where unknown.
	SRTT time.Duration `json:"srtt,omitempty"`
	// Retransmits is the kernel's count for this socket so far.
	Retransmits uint32 `json:"retransmits,omitempty"`
}

// Command is the start of the traced command.
type Command struct {
	Time time.Time `json:"time"`
	Argv []string  `json:"argv"`
	PID  uint32    `json:"pid"`
	UID  uint32    `json:"uid"`
	Dir  string    `json:"dir,omitempty"`
}

// Exit is the end of the traced command.
type Exit struct {
	Time time.Time `json:"time"`
	// Code is the exit status; -1 when a signal ended it.
	Code int `json:"code"`
	// Signal is the name, e.g. SIGKILL; empty unless a signal ended it.
	Signal string `json:"signal,omitempty"`
	// Interrupted is set when the user pressed Ctrl-C (or sent SIGTERM) while it ran.
	Interrupted bool `json:"interrupted,omitempty"`
	// TimedOut is set when the tracer ended it because its time was up.
	TimedOut bool `json:"timed_out,omitempty"`
}

// Setting is one configuration value as the command really saw it.
type Setting struct {
	Value string `json:"value"`
	// Origin is where it was set: "environment", "go env -w: PATH",
	// "GOROOT/go.env", "default", or a file name.
	Origin string `json:"origin,omitempty"`
	// Shadows is the value that "go env -w" stored and that this one, of the
	// environment, hides; empty where there is none or it is the same.
	Shadows string `json:"shadows,omitempty"`
}

// Environment holds the settings as the command really saw them.
type Environment struct {
	Time      time.Time `json:"time"`
	GoVersion string    `json:"go_version,omitempty"`
	GOROOT    string    `json:"goroot,omitempty"`
	// GoEnv holds GOPROXY, GOSUMDB, GOPRIVATE, GONOPROXY, GONOSUMDB,
	// GOINSECURE, GOAUTH, GOVCS, GOTOOLCHAIN, GOFLAGS, GOMODCACHE, ...
	GoEnv map[string]Setting `json:"goenv,omitempty"`
	// Proxy holds the *_PROXY variables that are set, in the case they have.
	Proxy map[string]string `json:"proxy,omitempty"`
	// TLS holds SSL_CERT_FILE, SSL_CERT_DIR, SSLKEYLOGFILE, GODEBUG, GIT_SSL_* that are set.
	TLS map[string]string `json:"tls,omitempty"`
	// Resolvers are the nameserver lines of resolv.conf, in order.
	Resolvers []string `json:"resolvers,omitempty"`
	// Watched are those of them that run on this host and whose own questions for
	// the command's names are among the packets ([Packet.Upstream]).
	Watched []string `json:"watched_resolvers,omitempty"`
	// Hosts are the addresses that the hosts file gives for the names in the
	// settings above.
	Hosts map[string][]string `json:"hosts,omitempty"`
	// Unsummed are the requirements of the main module's go.mod, as
	// path@version, that go.sum has no line for.
	Unsummed []string `json:"unsummed,omitempty"`
	// Roots are the certificate authorities that Go programs trust.
	Roots *Roots `json:"roots,omitempty"`
	// Programs are the paths at which PATH has the programs that go runs for
	// version control, by name; empty for one that it does not have.
	Programs map[string]string `json:"programs,omitempty"`
}

// Roots are the certificate authorities that a Go program trusts
// ($GOROOT/src/crypto/x509/root_unix.go, loadSystemRoots).
type Roots struct {
	// From are the files and directories that were looked into.
	From []string `json:"from"`
	// Count is how many certificates were found; the search ends with the
	// first directory that has any.
	Count int `json:"count"`
	// Subjects are the names of those of a file that SSL_CERT_FILE names, if
	// there are few.
	Subjects []string `json:"subjects,omitempty"`
}

// Lost counts what the tracer itself failed to keep since the previous Lost event.
type Lost struct {
	Time    time.Time `json:"time"`
	Packets uint64    `json:"packets,omitempty"`
	Events  uint64    `json:"events,omitempty"`
}

// Cut says that a size limit cut packet bytes out of the recording.
type Cut struct {
	Time    time.Time `json:"time"`
	Packets uint64    `json:"packets"`
	Bytes   uint64    `json:"bytes"`
}

// NotSeen is one sentence about what could not be observed, and why.
type NotSeen struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Tick says what time it is, for those who want to look at a run while it goes
// on. It is no observation: it is never recorded, and changes no trace.
type Tick struct {
	Time time.Time
	// Asked is set when somebody wants to see how things stand (SIGQUIT).
	Asked bool
}

// When implements [Event].
func (e *Packet) When() time.Time { return e.Time }

// When implements [Event].
func (e *Secret) When() time.Time { return e.Time }

// When implements [Event].
func (e *Process) When() time.Time { return e.Time }

// When implements [Event].
func (e *Socket) When() time.Time { return e.Time }

// When implements [Event].
func (e *Command) When() time.Time { return e.Time }

// When implements [Event].
func (e *Exit) When() time.Time { return e.Time }

// When implements [Event].
func (e *Environment) When() time.Time { return e.Time }

// When implements [Event].
func (e *Lost) When() time.Time { return e.Time }

// When implements [Event].
func (e *Cut) When() time.Time { return e.Time }

// When implements [Event].
func (e *NotSeen) When() time.Time { return e.Time }

// When implements [Event].
func (e *Tick) When() time.Time { return e.Time }
