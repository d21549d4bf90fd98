package decode

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
)

// maxSOCKS4 is the longest request, in bytes: eight and two strings of at most
// 255 bytes with their ends.
const maxSOCKS4 = 520

// parseSOCKS5 reads a request or a reply (RFC 1928, sections 4 and 6): the
// command or reply code and the address as host:port. n is the length, 0 if b
// is too short, -1 if it makes no sense.
func parseSOCKS5(b []byte) (code byte, authority string, n int) {
	if b[0] != socks5 {
		return 0, "", -1
	}
	if len(b) < 5 {
		return 0, "", 0
	}
	start, length := 4, 0
	switch b[3] {
	case 1:
		length = 4
	case 3:
		start, length = 5, int(b[4])
	case 4:
		length = 16
	default:
		return 0, "", -1
	}
	if n = start + length + 2; len(b) < n {
		return 0, "", 0
	}
	host := text(string(b[start : start+length]))
	if b[3] != 3 {
		ip, _ := netip.AddrFromSlice(b[start : start+length])
		host = ip.String()
	}
	return b[1], hostPort(host, b[n-2:]), n
}

// parseSOCKS4 reads a request of SOCKS4, or of 4a where the address is
// 0.0.0.x and a name follows the user id. The results are as parseSOCKS5's.
func parseSOCKS4(b []byte) (command byte, authority string, n int) {
	if b[0] != socks4 {
		return 0, "", -1
	}
	if len(b) < 9 {
		return 0, "", 0
	}
	rest := b[8:min(len(b), maxSOCKS4)]
	user := bytes.IndexByte(rest, 0)
	n = 8 + user + 1
	host := netip.AddrFrom4([4]byte(b[4:8])).String()
	if user >= 0 && b[4] == 0 && b[5] == 0 && b[6] == 0 && b[7] != 0 {
		name := bytes.IndexByte(rest[user+1:], 0)
		if user = name; name >= 0 {
			host = text(string(b[n : n+name]))
			n += name + 1
		}
	}
	switch {
	case user >= 0:
		return b[1], hostPort(host, b[2:4]), n
	case len(b) >= maxSOCKS4:
		return 0, "", -1
	}
	return 0, "", 0
}

// hostPort joins a host and a port in network byte order.
func hostPort(host string, port []byte) string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(binary.BigEndian.Uint16(port)))
}

// socksSucceeded is the status text of an open tunnel.
const socksSucceeded = "succeeded"

// socks5Reply is the name of a reply code (RFC 1928, section 6).
func socks5Reply(code byte) string {
	names := [...]string{
		socksSucceeded, "general SOCKS server failure", "connection not allowed by ruleset",
		"network unreachable", "host unreachable", "connection refused", "TTL expired",
		"command not supported", "address type not supported",
	}
	if int(code) < len(names) {
		return names[code]
	}
	return "unassigned reply " + strconv.Itoa(int(code))
}

// socks4Reply is what a result code of SOCKS4 means.
func socks4Reply(code byte) string {
	switch code {
	case 90:
		return socksSucceeded
	case 91:
		return "request rejected or failed"
	case 92:
		return "request rejected: no identd on the client"
	case 93:
		return "request rejected: identd reports another user"
	}
	return "unassigned reply " + strconv.Itoa(int(code))
}
