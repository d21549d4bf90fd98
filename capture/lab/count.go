package lab

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// counts are what the lab's servers saw and did, by names such as
// "proxy.test: 407", "resolver.test: NXDOMAIN", "cdn.test: handshake failed".
type counts struct {
	mu      sync.Mutex
	n       map[string]int
	sources []func() (name string, n int) // read from the kernel on demand
}

// add counts one event of a host.
func (c *counts) add(host, what string) { c.change(host, what, 1) }

// change changes what is counted of a host.
func (c *counts) change(host, what string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[host+": "+what] += by
}

// watch adds a counter that somebody else keeps.
func (c *counts) watch(read func() (string, int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = append(c.sources, read)
}

// Counts returns what the servers saw and did so far. Names are
// "HOST: EVENT", where EVENT is an HTTP status, a DNS rcode, or one of
// "connection", "request", "unanswered" (so far), "tunnel",
// "handshake failed", "h2" (taken over), "raw", "SYN dropped", "packet dropped".
// "servers: RST", "servers: port unreachable" and "servers: unreachable" are what
// their kernel sent; "client: unreachable" and "client: no route" are what the
// client's kernel could not send.
func (l *Lab) Counts() map[string]int {
	l.counts.mu.Lock()
	all := maps.Clone(l.counts.n)
	sources := l.counts.sources
	l.counts.mu.Unlock()
	if all == nil {
		all = make(map[string]int)
	}
	for _, read := range sources {
		if name, n := read(); n > 0 {
			all[name] += n
		}
	}
	return all
}

// proofPatience is how long a server may take to note what a client that has
// already ended did to it.
const proofPatience = 2 * time.Second

// Proves checks that each of the counters has moved, after a short wait where
// needed, and returns an error that names those that have not.
func (l *Lab) Proves(names []string) error {
	deadline := time.Now().Add(proofPatience)
	for {
		all := l.Counts()
		var missing []string
		for _, name := range names {
			if all[name] == 0 {
				missing = append(missing, name)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("lab: did not happen: %s; what did: %v", strings.Join(missing, ", "), all)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// watchKernel counts what the kernel does by itself in both namespaces, from
// the tables of /proc/net/snmp (net/ipv4/proc.c): resets, of both families, and
// of IPv4 what is unreachable.
func (l *Lab) watchKernel() {
	l.counts.watch(func() (string, int) { return "servers: RST", l.servers.snmp("Tcp:", "OutRsts") })
	l.counts.watch(func() (string, int) { return "servers: port unreachable", l.servers.snmp("Udp:", "NoPorts") })
	l.counts.watch(func() (string, int) { return "servers: unreachable", l.servers.snmp("Icmp:", "OutDestUnreachs") })
	l.counts.watch(func() (string, int) { return "client: unreachable", l.client.snmp("Icmp:", "OutDestUnreachs") })
	l.counts.watch(func() (string, int) { return "client: no route", l.client.snmp("Ip:", "OutNoRoutes") })
}

// snmp reads a counter of the namespace's kernel; 0 where it cannot be read.
func (n *namespace) snmp(table, column string) int {
	var text []byte
	err := n.do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	})
	if err != nil {
		return 0
	}
	return snmpField(string(text), table, column)
}

// snmpField reads a column of a /proc/net/snmp table; 0 where it is not there.
func snmpField(text, table, column string) int {
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != table {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i := range min(len(names), len(f)) {
			if names[i] == column {
				n, _ := strconv.Atoi(f[i])
				return n
			}
		}
	}
	return 0
}

// dropsOf reads how many packets the kernel dropped at a socket:
// SK_MEMINFO_DROPS of SO_MEMINFO (sk_get_meminfo in net/core/sock.c).
func dropsOf(fd uintptr) int {
	const drops = 8 // SK_MEMINFO_DROPS in include/uapi/linux/sock_diag.h
	var meminfo [drops + 1]uint32
	size := uint32(unsafe.Sizeof(meminfo))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&meminfo)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return int(meminfo[drops])
}
