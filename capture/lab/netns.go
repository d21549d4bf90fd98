package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ownNet names the network namespace of the calling thread.
const ownNet = "/proc/thread-self/ns/net"

// cable is the name of the interface at both ends.
const cable = "eth0"

// namespace is an anonymous network namespace, kept alive by a descriptor.
type namespace struct{ file *os.File }

// newNamespace makes an empty network namespace.
func newNamespace() (*namespace, error) {
	n := new(namespace)
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		f, err := os.Open(ownNet)
		n.file = f
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// close lets go of the namespace. It ends when its last socket is closed.
func (n *namespace) close() error { return n.file.Close() }

// enter moves the calling thread into the namespace.
func (n *namespace) enter() error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	if err := raw.Control(func(fd uintptr) { serr = unix.Setns(int(fd), unix.CLONE_NEWNET) }); err != nil {
		return err
	}
	return os.NewSyscallError("setns", serr)
}

// do calls f on a thread inside the namespace. Sockets made by f stay there.
func (n *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := n.enter(); err != nil {
			return err
		}
		return f()
	})
}

// onThread calls f on a thread of its own that ends afterwards, so that f may
// change the thread's namespaces. The main thread is never taken: it cannot
// end, and /proc/self shows its namespaces as those of the process.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go runThread(f, done)
	return <-done
}

// runThread is the goroutine of onThread.
func runThread(f func() error, done chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		done <- f() // the goroutine ends locked, which ends its thread
		return
	}
	// While this goroutine keeps the main thread, the next one gets another.
	done <- onThread(f)
	runtime.UnlockOSThread()
}

// makeNetwork makes both namespaces and the cable, with all addresses.
func (l *Lab) makeNetwork() error {
	var err error
	if l.client, err = newNamespace(); err != nil {
		return err
	}
	if l.servers, err = newNamespace(); err != nil {
		return err
	}
	l.watchKernel()
	if err := l.client.do(l.layCable); err != nil {
		return err
	}
	numbers := []byte{routerNumber} // the first: ICMP errors come from it
	for _, p := range places() {
		if l.setup.server(p.host).Way == OnLink {
			numbers = append(numbers, p.number)
		}
	}
	// The server end comes up first: whoever comes second finds a carrier.
	if err := l.servers.do(func() error { return l.bringUp(numbers) }); err != nil {
		return err
	}
	if err := l.client.do(func() error { return l.bringUp([]byte{clientNumber}) }); err != nil {
		return err
	}
	return l.makeWays()
}

// layCable makes the veth pair; it runs in the client's namespace.
func (l *Lab) layCable() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = cable
	raw, err := l.servers.file.SyscallConn()
	if err != nil {
		return err
	}
	var lerr error
	if err := raw.Control(func(fd uintptr) {
		lerr = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: cable, PeerNamespace: netlink.NsFd(int(fd))})
	}); err != nil {
		return err
	}
	if lerr != nil {
		return fmt.Errorf("veth pair: %w", lerr)
	}
	return nil
}

// bringUp gives the calling thread's end of the cable the addresses of the
// numbers and sets it and the loopback up.
func (l *Lab) bringUp(numbers []byte) error {
	h, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	link, err := h.LinkByName(cable)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		for _, a := range l.setup.addrs(number) {
			if err := h.AddrAdd(link, onLink(a)); err != nil {
				return fmt.Errorf("address %v: %w", a, err)
			}
		}
	}
	return errors.Join(h.LinkSetUp(lo), h.LinkSetUp(link))
}

// onLink is an address with the prefix of its network. Duplicate address
// detection is off: it would keep IPv6 addresses from use for a second.
func onLink(a netip.Addr) *netlink.Addr {
	bits := 16
	if a.Is6() {
		bits = 64
	}
	return &netlink.Addr{
		IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())},
		Flags: syscall.IFA_F_NODAD,
	}
}
