package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Way is how packets get from the client to a host. All but the first lead to
// nobody: no server runs there.
type Way uint8

// Ways to a host.
const (
	OnLink      Way = iota // the host is on the client's own network
	NoNeighbor             // an address of that network that nobody has
	NoRoute                // a network that the client has no route to
	RouterLost             // a network that the router on the way has no route to: ICMP code 0
	Unreachable            // a network that the router calls unreachable: ICMP code 1
	Prohibited             // a network that the router lets nobody into: ICMP code 13
)

// elsewhere reports whether the host is in another network than the client.
func (w Way) elsewhere() bool { return w >= NoRoute }

// routed reports whether the client knows a router on the way.
func (w Way) routed() bool { return w >= RouterLost }

// routeType is the type of the router's route to the host's network
// (rtnetlink(7)); 0 where it has none. The kernel answers for it with ICMP
// (ip_error in net/ipv4/route.c).
func (w Way) routeType() int {
	switch w {
	case Unreachable:
		return unix.RTN_UNREACHABLE
	case Prohibited:
		return unix.RTN_PROHIBIT
	}
	return 0
}

// routerNumber is the number of the router to other networks, the servers'
// namespace itself.
const routerNumber = 254

// moved is where an address of the cable's network is in the other network,
// 10.78.0.0/16 or fd78::/64.
func moved(a netip.Addr) netip.Addr {
	raw := a.AsSlice()
	raw[1]++
	to, _ := netip.AddrFromSlice(raw)
	return to
}

// makeWays makes the routes to hosts in the other network: the servers'
// namespace is their router.
func (l *Lab) makeWays() error {
	way := OnLink
	for _, s := range l.setup.Servers {
		way = max(way, s.Way)
	}
	if l.setup.SmallPackets {
		if err := l.client.do(smallPackets); err != nil {
			return fmt.Errorf("client: %w", err)
		}
	}
	if change := l.setup.Client; change != nil {
		if err := l.client.do(change); err != nil {
			return fmt.Errorf("client: %w", err)
		}
	}
	if !way.routed() {
		return nil
	}
	routers := l.setup.addrs(routerNumber)
	err := l.servers.do(func() error { return makeRouter(way, routers) })
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	return l.client.do(func() error { return addRoutes(routers, 0) })
}

// makeRouter has the calling thread's namespace forward packets and adds its
// routes.
func makeRouter(way Way, routers []netip.Addr) error {
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if way.routeType() == 0 {
		return nil
	}
	return addRoutes(routers, way.routeType())
}

// addRoutes adds routes to the other network in the calling thread's namespace:
// one of a type, or for type 0 one through each router.
func addRoutes(routers []netip.Addr, routeType int) error {
	for _, router := range routers {
		to := onLink(moved(router)).IPNet
		route := &netlink.Route{Dst: &net.IPNet{IP: to.IP.Mask(to.Mask), Mask: to.Mask}, Type: routeType}
		if routeType == 0 {
			route.Gw = router.AsSlice()
		}
		if err := netlink.RouteAdd(route); err != nil {
			return fmt.Errorf("route to %v: %w", route.Dst, err)
		}
	}
	return nil
}
