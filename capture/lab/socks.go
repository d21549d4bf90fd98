package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Bytes of SOCKS version 5, RFC 1928 and RFC 1929.
const (
	socksVersion     = 5
	socksAuthVersion = 1 // RFC 1929 section 2

	socksNoAuth       = 0x00
	socksPassword     = 0x02
	socksNoAcceptable = 0xff

	socksConnect = 1

	socksIPv4 = 1
	socksName = 3
	socksIPv6 = 4

	socksSucceeded       = 0
	socksGeneralFailure  = 1
	socksHostUnreachable = 4
	socksRefused         = 5
	socksBadCommand      = 7
	socksBadAddress      = 8
)

// socksPatience is how long the proxy waits for a client's greeting and request.
const socksPatience = 2 * time.Minute

// serveSOCKS starts the SOCKS5 proxy.
func (l *Lab) serveSOCKS() error {
	var open connSet
	loop := func(ln net.Listener) {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			open.add(conn)
			go func() {
				defer open.remove(conn)
				l.talkSOCKS(conn)
			}()
		}
	}
	return l.serve(ProxyHost, socksPort, loop, func() error {
		open.closeAll()
		return nil
	})
}

// talkSOCKS serves one client.
func (l *Lab) talkSOCKS(conn net.Conn) {
	l.counts.add(ProxyHost, "request")
	conn.SetDeadline(time.Now().Add(socksPatience))
	r := bufio.NewReader(conn)
	if err := greetSOCKS(r, conn, l.setup.Auth); err != nil {
		l.counts.add(ProxyHost, "credentials refused")
		return
	}
	target, code, err := readSOCKSRequest(r)
	if err != nil {
		if code != socksSucceeded {
			replySOCKS(conn, code)
		}
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, socksPatience)
	defer cancel()
	origin, err := l.dial(ctx, target)
	if err != nil {
		l.counts.add(ProxyHost, "refused")
		replySOCKS(conn, socksCode(err))
		return
	}
	defer origin.Close()
	if replySOCKS(conn, socksSucceeded) != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	l.counts.add(ProxyHost, "tunnel")
	l.splice(conn, r, origin)
}

// socksCode is the reply code for an error of dialling, RFC 1928 section 6.
func socksCode(err error) byte {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return socksRefused
	case errors.Is(err, syscall.EHOSTUNREACH):
		return socksHostUnreachable
	default:
		return socksGeneralFailure
	}
}

// replySOCKS sends a reply with the unspecified IPv4 address as bound address.
func replySOCKS(w io.Writer, code byte) error {
	_, err := w.Write([]byte{socksVersion, code, 0, socksIPv4, 0, 0, 0, 0, 0, 0})
	return err
}

// greetSOCKS agrees on a method and checks the credentials if there must be
// any: RFC 1928 section 3, RFC 1929 section 2.
func greetSOCKS(r io.Reader, w io.Writer, auth bool) error {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	if head[0] != socksVersion {
		return fmt.Errorf("SOCKS version %d", head[0])
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(r, methods); err != nil {
		return err
	}
	want := byte(socksNoAuth)
	if auth {
		want = socksPassword
	}
	if !slices.Contains(methods, want) {
		_, err := w.Write([]byte{socksVersion, socksNoAcceptable})
		return errors.Join(errors.New("no acceptable method"), err)
	}
	if _, err := w.Write([]byte{socksVersion, want}); err != nil || !auth {
		return err
	}
	return checkSOCKS(r, w)
}

// checkSOCKS reads and answers the user name and password message.
func checkSOCKS(r io.Reader, w io.Writer) error {
	var version [1]byte
	if _, err := io.ReadFull(r, version[:]); err != nil {
		return err
	}
	user, err := readShort(r)
	if err != nil {
		return err
	}
	password, err := readShort(r)
	if err != nil {
		return err
	}
	if version[0] != socksAuthVersion || !sameSecret(user, proxyUser) || !sameSecret(password, proxyPassword) {
		_, err := w.Write([]byte{socksAuthVersion, 1})
		return errors.Join(errors.New("wrong credentials"), err)
	}
	_, err = w.Write([]byte{socksAuthVersion, 0})
	return err
}

// readShort reads a string with a length octet before it.
func readShort(r io.Reader) (string, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return "", err
	}
	text := make([]byte, n[0])
	_, err := io.ReadFull(r, text)
	return string(text), err
}

// readSOCKSRequest reads a CONNECT request, RFC 1928 section 4, and returns its
// target as host:port. With an error comes the code to reply, 0 for none.
func readSOCKSRequest(r io.Reader) (target string, code byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", socksSucceeded, err
	}
	if head[0] != socksVersion {
		return "", socksSucceeded, fmt.Errorf("SOCKS version %d", head[0])
	}
	var host string
	switch head[3] {
	case socksIPv4:
		host, err = readAddr(r, 4)
	case socksIPv6:
		host, err = readAddr(r, 16)
	case socksName:
		host, err = readShort(r)
	default:
		return "", socksBadAddress, fmt.Errorf("SOCKS address type %d", head[3])
	}
	if err != nil {
		return "", socksSucceeded, err
	}
	var port [2]byte
	if _, err := io.ReadFull(r, port[:]); err != nil {
		return "", socksSucceeded, err
	}
	if head[1] != socksConnect {
		return "", socksBadCommand, fmt.Errorf("SOCKS command %d", head[1])
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port[0])<<8|int(port[1]))), socksSucceeded, nil
}

// readAddr reads an address of size bytes.
func readAddr(r io.Reader, size int) (string, error) {
	raw := make([]byte, size)
	if _, err := io.ReadFull(r, raw); err != nil {
		return "", err
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return "", fmt.Errorf("address of %d bytes", size)
	}
	return addr.String(), nil
}
