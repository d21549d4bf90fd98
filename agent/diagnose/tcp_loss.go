package diagnose

import (
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// oneSegment is about the most that fits a segment on an Ethernet: a larger
// ClientHello takes two packets.
const oneSegment = 1400

// lostHello returns the findings for ClientHellos that were sent again and
// never acknowledged whole, where what arrived of it matches.
func (f *facts) lostHello(match func(*trace.Connection) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		waited, ok := f.unansweredHello(y)
		if !ok || remoteEnd(y.c) || waited < f.Patience() || y.l.ClientHelloBytes < oneSegment || y.c.Retransmits < 2 || y.c.Unacked == 0 || !match(y.c) {
			continue
		}
		bytes, unacked := strconv.Itoa(y.l.ClientHelloBytes), strconv.FormatUint(y.c.Unacked, 10)
		args := with(f.layerArgs(y), "bytes", bytes, "unacked", unacked, "again", strconv.Itoa(y.c.Retransmits))
		text := "a ClientHello of " + bytes + " bytes: " + unacked + " bytes not acknowledged, " + args["again"] + " segments sent again, no answer"
		if y.c.Sacked {
			text += "; the small segment after the full one was acknowledged by itself (SACK)"
		}
		list = append(list, f.waited(finding(f.layerHop(y), y.at(), args, tlsEvidence(y.c, y.l, text)), waited))
	}
	return list
}

// pqHelloDropped: go's ClientHello has post-quantum keys and takes two packets,
// of which at least one is lost each time.
func pqHelloDropped(f *facts) []*trace.Finding {
	list := f.lostHello(func(c *trace.Connection) bool { return !c.Sacked })
	for _, found := range list {
		if found.Confidence == trace.Certain {
			found.Confidence = trace.Likely // that a smaller one would pass was not tried
		}
	}
	return list
}

// mtuBlackholeClient: the full-size segment never arrives, the small one after
// it does.
func mtuBlackholeClient(f *facts) []*trace.Finding {
	return f.lostHello(func(c *trace.Connection) bool { return c.Sacked })
}

// tcpMidstreamBlackhole: bytes went both ways, and then nothing that was sent
// was acknowledged any more, though it was sent again and again.
func tcpMidstreamBlackhole(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, c := range f.Trace.Connections {
		if c.Unacked == 0 || c.Retransmits < 2 || c.BytesReceived == 0 || goproxy.PeerEnded(c) != "" || c.MissedBytes > 0 {
			continue
		}
		var waiting *trace.Request
		var waited time.Duration
		for _, r := range f.Requests(c) {
			if w := f.Waited(r); w > waited && r.Method != "CONNECT" {
				waiting, waited = r, w
			}
		}
		if waiting == nil && f.unread(c) {
			list = append(list, f.sealedBlackhole(c)...)
		}
		if waiting == nil || waited < f.Patience() && !f.givenUp(c, waited) {
			continue
		}
		found := f.requestFinding(waiting, "unacked", strconv.FormatUint(c.Unacked, 10), "again", strconv.Itoa(c.Retransmits))
		found.Evidence = []trace.Evidence{
			unansweredEvidence(waiting, waited),
			connectionEvidence(c, found.Args["unacked"]+" bytes not acknowledged, "+found.Args["again"]+" segments sent again, after "+strconv.FormatUint(c.BytesReceived, 10)+" bytes had been received"),
		}
		list = append(list, f.waited(found, waited))
	}
	return list
}

// unread reports whether a connection has a TLS handshake that was answered and
// nothing that could be read inside.
func (f *facts) unread(c *trace.Connection) bool {
	n := len(c.TLS)
	return n > 0 && c.TLS[n-1].Version != "" && !c.TLS[n-1].Decrypted && !f.Carried(c)
}

// manyAgain is how many segments sent again take longer than any server rests:
// the time doubles with each (RFC 6298, section 5.5).
const manyAgain = 4

// givenUp reports whether a capture file ends with segments that were sent again
// and again, in vain: the pause before the next would be longer than all before.
func (f *facts) givenUp(c *trace.Connection, waited time.Duration) bool {
	return len(f.processes) == 0 && c.Retransmits >= manyAgain && waited >= minSilence
}

// sealedBlackhole is [tcpMidstreamBlackhole] where what was asked is encrypted.
func (f *facts) sealedBlackhole(c *trace.Connection) []*trace.Finding {
	waited := f.EndOf(c).Sub(c.StartedAt)
	if !f.givenUp(c, waited) {
		return nil
	}
	i := slices.IndexFunc(f.layers, func(y layer) bool { return y.c == c && !y.toProxy })
	if i < 0 {
		return nil
	}
	host := f.layers[i].host
	args := with(f.requestArgs(&trace.Request{Connection: c.ID, URL: "https://" + host + "/"}), "unacked", strconv.FormatUint(c.Unacked, 10), "again", strconv.Itoa(c.Retransmits))
	text := args["unacked"] + " bytes not acknowledged, " + args["again"] + " segments sent again, after " + strconv.FormatUint(c.BytesReceived, 10) + " bytes had been received"
	found := f.waited(finding(f.layerHop(f.layers[i]), c.StartedAt, args, connectionEvidence(c, text)), waited)
	if found.Confidence == trace.Certain {
		found.Confidence = trace.Likely // the client may have had its answer
	}
	return []*trace.Finding{found}
}

// fwRejectReset: the RST to the SYN did not travel as far as the host's own
// packets do.
func fwRejectReset(f *facts) []*trace.Finding {
	var list []*trace.Finding
	accepted := f.ownTTL()
	for _, d := range f.dials {
		ip, _ := goproxy.SplitAddress(d.c.Remote)
		own := accepted[ip]
		if d.kind != dialRefused || d.proxy || d.c.ResetTTL == 0 || own == nil || own.TTL == d.c.ResetTTL {
			continue
		}
		found := f.dialFinding(d)
		_, port := goproxy.SplitAddress(own.Remote)
		found.Args["ttl"], found.Args["own"], found.Args["other"] = ttl(d.c.ResetTTL), ttl(own.TTL), port
		found.Evidence = append(found.Evidence,
			connectionEvidence(d.c, "the RST came with TTL "+ttl(d.c.ResetTTL)),
			connectionEvidence(own, "packets of "+net.JoinHostPort(hostOnly(own.Remote), port)+" come with TTL "+ttl(own.TTL)))
		found.Confidence = trace.Likely // paths may differ
		list = append(list, found)
	}
	return list
}

func ttl(n uint8) string { return strconv.Itoa(int(n)) }

// ownTTL returns the first connection that the host at each address accepted.
func (f *facts) ownTTL() map[string]*trace.Connection {
	first := map[string]*trace.Connection{}
	for _, c := range f.Trace.Connections {
		if ip, _ := goproxy.SplitAddress(c.Remote); first[ip] == nil && c.TTL != 0 && goproxy.Connected(c) {
			first[ip] = c
		}
	}
	return first
}
