//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// keeper is a process that lives until its input ends, which the kernel sees
// to if we die.
type keeper struct {
	cmd   *exec.Cmd
	input io.Closer
}

// keep starts cmd, whose standard input it takes.
func keep(cmd *exec.Cmd) (*keeper, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &keeper{cmd: cmd, input: in}, nil
}

// end lets the process end and waits for it.
func (k *keeper) end() {
	k.input.Close()
	_ = k.cmd.Wait() // it was asked to end, by whatever status
}

// namespace is a network namespace, alive as long as its keeper.
type namespace struct{ *keeper }

// newNamespace makes a network namespace with nothing but a loopback
// interface, which is up.
func newNamespace(ctx context.Context, self string) (*namespace, error) {
	cmd := exec.Command(self, roleHold)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	k, err := keep(cmd)
	if err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	n := &namespace{k}
	if err := n.do(ctx, "ip", "link", "set", "lo", "up"); err != nil {
		n.end()
		return nil, err
	}
	return n, nil
}

// pid names the namespace to ip(8).
func (n *namespace) pid() string { return strconv.Itoa(n.cmd.Process.Pid) }

// command is a program to be run inside. nsenter(1) becomes the program, which
// therefore has the process id of the command; /sys stays that of the host.
// When ctx is done the program is interrupted and not killed: gopx-trace would
// leave its command behind.
func (n *namespace) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=/proc/" + n.pid() + "/ns/net", "--", name}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// do runs a program inside to its end.
func (n *namespace) do(ctx context.Context, name string, args ...string) error {
	if out, err := n.command(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// network is where a load runs. client and servers are the same namespace for
// the loopback interface.
type network struct {
	client, servers *namespace
	iface           string // of the client, for tcpdump
	address         string // of the server
}

// loopback is a namespace with its own loopback interface.
func loopback(ctx context.Context, self string) (*network, error) {
	n, err := newNamespace(ctx, self)
	if err != nil {
		return nil, err
	}
	return &network{client: n, servers: n, iface: "lo", address: "127.0.0.1"}, nil
}

// Addresses at both ends of the cable.
const (
	clientAddress = "10.78.0.1"
	serverAddress = "10.78.0.2"
)

// gigabit is a cable between two namespaces that carries 1 Gbit/s each way.
func gigabit(ctx context.Context, self string) (*network, error) {
	n := &network{iface: "eth0", address: serverAddress}
	var err error
	if n.client, err = newNamespace(ctx, self); err != nil {
		return nil, err
	}
	if n.servers, err = newNamespace(ctx, self); err != nil {
		n.end()
		return nil, err
	}
	err = n.client.do(ctx, "ip", "link", "add", n.iface, "type", "veth", "peer", "name", n.iface, "netns", n.servers.pid())
	if err == nil {
		err = n.client.plug(ctx, n.iface, clientAddress)
	}
	if err == nil {
		err = n.servers.plug(ctx, n.iface, serverAddress)
	}
	if err != nil {
		n.end()
		return nil, err
	}
	return n, nil
}

// plug brings up one end of the cable. The bucket of 256 KiB is more than a
// GSO packet has, which it would otherwise cut up; 20 ms is a switch's queue.
func (n *namespace) plug(ctx context.Context, iface, address string) error {
	for _, line := range []string{
		"ip address add " + address + "/24 dev " + iface,
		"tc qdisc add dev " + iface + " root tbf rate 1gbit burst 256kb latency 20ms",
		"ip link set " + iface + " up",
	} {
		words := strings.Fields(line)
		if err := n.do(ctx, words[0], words[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// end takes the network away.
func (n *network) end() {
	n.client.end()
	if n.servers != nil && n.servers != n.client {
		n.servers.end()
	}
}
