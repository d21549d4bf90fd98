package agent

import (
	"fmt"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// unreachable says in words what an ICMP error means (RFC 792, RFC 1812
// section 5.2.7.1, RFC 4443 section 3).
func unreachable(u *flow.Unreachable) string {
	return fmt.Sprintf("%s from %s", icmpWords(u), u.From)
}

func icmpWords(u *flow.Unreachable) string {
	type message struct {
		v6         bool
		kind, code uint8
	}
	words, ok := map[message]string{
		{false, 3, 0}:  "net unreachable",
		{false, 3, 1}:  "host unreachable",
		{false, 3, 2}:  "protocol unreachable",
		{false, 3, 3}:  "port unreachable",
		{false, 3, 4}:  "fragmentation needed",
		{false, 3, 9}:  "net administratively prohibited",
		{false, 3, 10}: "host administratively prohibited",
		{false, 3, 13}: "administratively prohibited",
		{false, 11, 0}: "time to live exceeded",
		{true, 1, 0}:   "no route to destination",
		{true, 1, 1}:   "administratively prohibited",
		{true, 1, 3}:   "address unreachable",
		{true, 1, 4}:   "port unreachable",
		{true, 1, 5}:   "source address failed policy",
		{true, 1, 6}:   "reject route to destination",
		{true, 2, 0}:   "packet too big",
		{true, 3, 0}:   "hop limit exceeded",
	}[message{u.V6, u.Type, u.Code}]
	if !ok {
		return fmt.Sprintf("ICMP type %d code %d", u.Type, u.Code)
	}
	return words
}
