package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// layer is one TLS layer with the peer that it is with.
type layer struct {
	c    *trace.Connection
	l    *trace.TLS
	host string // the peer's name
	// toProxy is set for the layer around a proxy's protocol, tunnelled for one
	// inside a tunnel.
	toProxy, tunnelled bool
}

// tlsLayers returns all TLS layers, outer ones first.
func (f *facts) tlsLayers() []layer {
	var list []layer
	for _, c := range f.Trace.Connections {
		for i, l := range c.TLS {
			y := layer{c: c, l: l, host: f.Target(c)}
			if proxy, ok := f.Proxy(c); ok && f.outer(c, i) {
				y.host, y.toProxy = proxy, true
			} else if ok {
				y.tunnelled = c.Tunnel != nil
			}
			if y.host == "" {
				y.host = f.Dialled(c)
			}
			list = append(list, y)
		}
	}
	return list
}

// outer reports whether the layer at index i is the one with the proxy itself:
// it began before the proxy was asked for anything.
func (f *facts) outer(c *trace.Connection, i int) bool {
	if i > 0 {
		return false
	}
	if len(c.TLS) > 1 || c.Tunnel == nil {
		return true
	}
	for _, r := range f.Requests(c) {
		if r.Method == "CONNECT" {
			return c.TLS[i].StartedAt.Before(r.StartedAt)
		}
	}
	return false
}

// hop names the link that a fault of the layer belongs to.
func (f *facts) layerHop(y layer) string {
	if y.toProxy {
		return f.proxyHop(y.c)
	}
	return f.hop(y.host)
}

func (f *facts) layerArgs(y layer) map[string]string {
	args := f.peerArgs(y.c, y.host)
	args["name"] = y.host
	return args
}

// unansweredHello reports whether nothing came back for the ClientHello, and
// for how long. Bytes that we missed might have been the answer.
func (f *facts) unansweredHello(y layer) (time.Duration, bool) {
	if y.l.Version != "" || y.l.Alert != nil || len(y.l.NotTLS) > 0 || y.l.Established || y.c.MissedBytes > 0 {
		return 0, false
	}
	return max(f.EndOf(y.c).Sub(y.at()), 0), true
}

// helloFault returns the findings for layers whose ClientHello stayed without
// an answer in the way that match tells; tunnels have rules of their own.
func (f *facts) helloFault(text string, match func(layer, time.Duration) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		if waited, ok := f.unansweredHello(y); ok && !y.tunnelled && match(y, waited) {
			args := with(f.layerArgs(y), "bytes", strconv.Itoa(y.l.ClientHelloBytes))
			found := finding(f.layerHop(y), y.at(), args, tlsEvidence(y.c, y.l, text))
			if !remoteEnd(y.c) {
				f.waited(found, waited)
			}
			list = append(list, found)
		}
	}
	return list
}

// sniReset: a RST in answer to the ClientHello. The server itself could have
// sent it, so it is likely only, unless the RST's TTL is not that of its other packets.
func sniReset(f *facts) []*trace.Finding {
	list := f.helloFault("RST in answer to the ClientHello", func(y layer, _ time.Duration) bool {
		return !y.toProxy && goproxy.PeerEnded(y.c) == goproxy.PeerReset
	})
	for _, found := range list {
		found.Confidence = trace.Likely
		id, _ := strconv.Atoi(found.Evidence[0].Ref)
		if c := f.Connection(id); c != nil && c.TTL != 0 && c.ResetTTL != 0 && c.TTL != c.ResetTTL {
			found.Confidence = trace.Certain
			found.Evidence = append(found.Evidence, connectionEvidence(c, "the RST came with TTL "+ttl(c.ResetTTL)+", the SYN-ACK with TTL "+ttl(c.TTL)+": somebody between sent it"))
		}
	}
	return list
}

func tlsFINAfterHello(f *facts) []*trace.Finding {
	return f.helloFault("FIN in answer to the ClientHello, without an alert", func(y layer, _ time.Duration) bool {
		return !y.toProxy && goproxy.PeerEnded(y.c) == goproxy.PeerClosed
	})
}

// tlsSilentServer: nothing came back. If the ClientHello had to be sent again
// it may never have arrived, which another rule would have to prove.
func tlsSilentServer(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, found := range f.helloFault("no answer to the ClientHello", func(y layer, waited time.Duration) bool {
		return !remoteEnd(y.c) && waited >= f.Patience()
	}) {
		id, _ := strconv.Atoi(found.Evidence[0].Ref)
		if c := f.Connection(id); c != nil && c.Retransmits > 0 {
			found.Confidence = trace.Possible
			found.Evidence = append(found.Evidence, connectionEvidence(c, strconv.Itoa(c.Retransmits)+" segments were sent again: the ClientHello may not have arrived"))
		}
		list = append(list, found)
	}
	return list
}

// notTLS returns the findings for answers to the ClientHello that are no TLS.
func (f *facts) notTLS(match func(string) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		first := string(y.l.NotTLS)
		if first == "" || !match(first) || y.toProxy || y.tunnelled && strings.HasPrefix(first, "HTTP/") {
			continue
		}
		args := with(f.layerArgs(y), "answer", firstLine(y.l.NotTLS))
		list = append(list, finding(f.layerHop(y), y.at(), args, tlsEvidence(y.c, y.l, "the answer to the ClientHello begins "+quoteStart(y.l.NotTLS))))
	}
	return list
}

func httpOnHTTPSPort(f *facts) []*trace.Finding {
	return f.notTLS(func(s string) bool { return strings.HasPrefix(s, "HTTP/") })
}

func nonTLSService(f *facts) []*trace.Finding {
	return f.notTLS(func(s string) bool { return !strings.HasPrefix(s, "HTTP/") })
}

// firstLine returns the first line of bytes, printable only.
func firstLine(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, strings.TrimSuffix(s, "\r")))
}

func quoteStart(b []byte) string { return strconv.Quote(firstLine(b)) }

// alertFault returns the findings for layers that ended with one of these
// alerts.
func (f *facts) alertFault(match func(layer) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		a := y.l.Alert
		if a == nil || !match(y) {
			continue
		}
		by := "the client"
		if a.SentBy == "remote" {
			by = y.host
		}
		args := with(f.layerArgs(y), "alert", a.Description, "version", y.l.Version)
		e := tlsEvidence(y.c, y.l, "alert "+a.Description+" from "+by)
		if a.Frame != 0 {
			e.Frames = []int{a.Frame}
		}
		list = append(list, finding(f.layerHop(y), y.at(), args, e))
	}
	return list
}

// tlsVersion: no TLS version in common; the client may be the one to say so.
// OpenSSL may agree on an old version first, which allows none of its signatures.
func tlsVersion(f *facts) []*trace.Finding {
	return f.alertFault(func(y layer) bool {
		return y.l.Alert.Description == "protocol_version" ||
			y.l.Alert.SentBy == "local" && obsolete(y.l.Version) && f.refused(y) == ""
	})
}

// obsolete reports whether a version is one that RFC 8996 or RFC 7568 retired.
func obsolete(version string) bool {
	switch version {
	case "TLS 1.1", "TLS 1.0", "SSL 3.0":
		return true
	}
	return false
}

// tlsClientCert: the server wants a certificate from the client.
func tlsClientCert(f *facts) []*trace.Finding {
	return f.alertFault(wantsClientCert)
}

// certificateWanted reports whether the server ended a connection so. In TLS 1.3
// a first request may be under way by then (RFC 8446, section 4.4.2.4).
func (f *facts) certificateWanted(c *trace.Connection) bool {
	return slices.ContainsFunc(f.layers, func(y layer) bool { return y.c == c && y.l.Alert != nil && wantsClientCert(y) })
}

// wantsClientCert reports whether the server ended the handshake for lack of a
// client certificate. TLS 1.2 has no alert of its own for that: RFC 5246,
// section 7.4.6 says handshake_failure.
func wantsClientCert(y layer) bool {
	switch a := y.l.Alert; a.Description {
	case "certificate_required", "bad_certificate":
		return a.SentBy == "remote"
	case "handshake_failure":
		return a.SentBy == "remote" && y.l.CertificateRequested && len(y.l.ClientCertificates) == 0
	}
	return false
}

// tlsAlertPolicy: the server knows no such name, or does not serve us.
func tlsAlertPolicy(f *facts) []*trace.Finding {
	return f.alertFault(func(y layer) bool {
		a := y.l.Alert
		return a.SentBy == "remote" && a.Level != "warning" && (a.Description == "access_denied" || a.Description == "unrecognized_name")
	})
}

// tlsHandshakeFailure: any other alert by which the server ends a handshake.
func tlsHandshakeFailure(f *facts) []*trace.Finding {
	return f.alertFault(func(y layer) bool {
		switch a := y.l.Alert; a.Description {
		case "handshake_failure", "insufficient_security":
			return !wantsClientCert(y) && !(y.l.Alert.SentBy == "local" && obsolete(y.l.Version))
		case "internal_error", "illegal_parameter", "decode_error", "no_application_protocol":
			return a.SentBy == "remote"
		}
		return false
	})
}

// tlsNoSecret says that handshakes were seen but could not be opened: the
// trace works on, one level down.
func tlsNoSecret(f *facts) []*trace.Finding {
	if f.Trace.Command == nil {
		return nil // a capture file without secrets is nothing odd
	}
	opened, closed, pids := 0, map[uint32][]layer{}, []uint32(nil)
	for _, y := range f.layers {
		if y.l.Established && y.l.Decrypted {
			opened++
		} else if y.l.Established {
			if closed[y.c.PID] == nil {
				pids = append(pids, y.c.PID)
			}
			closed[y.c.PID] = append(closed[y.c.PID], y)
		}
	}
	var list []*trace.Finding
	for _, pid := range pids {
		ls := closed[pid]
		name := ""
		if p := f.processes[pid]; p != nil {
			name = p.Exe
		}
		args := map[string]string{"host": ls[0].host, "process": name, "count": strconv.Itoa(len(ls)), "opened": strconv.Itoa(opened)}
		found := finding(hopHost, ls[0].at(), args, tlsEvidence(ls[0].c, ls[0].l, "a completed handshake without a secret"))
		found.Severity = trace.Info
		list = append(list, found)
	}
	return list
}
