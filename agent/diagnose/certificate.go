package diagnose

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Why a client refused a certificate chain; "" in [facts.refusal] if it did not.
const (
	certExpired   = "expired"
	certNotYet    = "not yet valid"
	certHostname  = "hostname"
	certSelf      = "self-signed"
	certAlone     = "without its intermediate"
	certUnknownCA = "unknown authority"
	// certGit is one that git refused and the go command took.
	certGit = "refused by git only"
)

// refusal says why the client refused the server's certificate, in the order in
// which crypto/x509's Verify looks: dates, name, chain. The client's alert is
// the proof that it did; crypto/tls sends bad_certificate whatever was wrong
// ($GOROOT/src/crypto/tls/handshake_client.go, verifyServerCertificate).
func (f *facts) refusal(y layer) (why, confidence string) {
	confidence = f.refused(y)
	if confidence == "" {
		return "", ""
	}
	chain := y.l.Certificates
	if len(chain) == 0 {
		if y.l.Alert != nil && y.l.Alert.Description == "unknown_ca" {
			return certUnknownCA, trace.Likely
		}
		return "", "" // not readable: anything could be wrong with it
	}
	leaf := chain[0]
	switch {
	case f.acceptedByGo(y) != nil:
		return certGit, confidence
	case dateOf(chain[:1], y.at()) != "":
		return dateOf(chain[:1], y.at()), confidence
	case !certifies(leaf, y.host):
		return certHostname, confidence
	case f.chainTaken(y):
		return "", ""
	case dateOf(chain[1:], y.at()) != "":
		// The client may have found a way without that one, and refused another.
		return dateOf(chain[1:], y.at()), weaker(confidence)
	case leaf.SelfSigned || leaf.Subject == leaf.Issuer && leaf.Subject != "":
		return certSelf, confidence
	case len(chain) == 1 && issuerURL(leaf) != "":
		// That the issuer's certificate can be had somewhere shows that it is no
		// root, which each client would have to have; and it did not come.
		return certAlone, weaker(confidence)
	}
	// What is left is the chain, which we can't check: the client's store is its own.
	return certUnknownCA, weaker(confidence)
}

// chainTaken reports whether a client with OpenSSL completed the handshake, in
// which that looks at the chain. What it disliked then was something else.
func (f *facts) chainTaken(y layer) bool {
	p := f.processes[y.c.PID]
	return y.l.Established && y.l.Alert == nil && p != nil && p.TLS == "openssl"
}

func weaker(confidence string) string {
	if confidence == trace.Certain {
		return trace.Likely
	}
	return trace.Possible
}

// refused reports how sure it is that the client ended the handshake because
// of the certificate: it said so in an alert, or it just closed after it.
func (f *facts) refused(y layer) string {
	if a := y.l.Alert; a != nil {
		switch {
		case a.SentBy != "local":
		case strings.Contains(a.Description, "certificate") || a.Description == "unknown_ca":
			return trace.Certain
		}
		return ""
	}
	if f.took(y) {
		return "" // a spare connection that was not needed
	}
	if f.GaveUp(y.c) && y.l == y.c.TLS[len(y.c.TLS)-1] && len(y.l.Certificates) > 0 {
		return trace.Likely
	}
	if f.closedByExit(y.c) {
		return ""
	}
	if !y.l.Established && len(y.l.Certificates) > 0 && (y.c.ClosedBy == "local" || y.c.ResetBy == "local") &&
		f.EndOf(y.c).Sub(y.at()) < f.Patience() && y.c.MissedBytes == 0 {
		return trace.Likely
	}
	return ""
}

// exitSlack is how much before the end of its process, as it is known, the
// kernel may have ended a connection for that.
const exitSlack = 100 * time.Millisecond

// closedByExit reports whether a connection ended because its process was ended
// from outside, in the middle of whatever it did.
func (f *facts) closedByExit(c *trace.Connection) bool {
	cmd, p := f.Trace.Command, f.processes[c.PID]
	if cmd == nil || p == nil || p.ExitedAt.IsZero() || !cmd.Interrupted && !cmd.TimedOut && p.Signal == "" {
		return false
	}
	return !c.ClosedAt.Before(p.ExitedAt.Add(-exitSlack))
}

// took reports whether the same process took the same certificate on another
// connection, as a request inside shows.
func (f *facts) took(y layer) bool {
	return slices.ContainsFunc(f.layers, func(z layer) bool {
		return z.c != y.c && z.c.PID == y.c.PID && z.host == y.host && z.toProxy == y.toProxy &&
			z.l.Established && f.Carried(z.c) && sameCertificate(y.l.Certificates, z.l.Certificates)
	})
}

// dateOf compares the dates of a chain with the time of the handshake.
func dateOf(chain []*trace.Certificate, at time.Time) string {
	for _, c := range chain {
		switch {
		case !c.NotAfter.IsZero() && at.After(c.NotAfter):
			return certExpired
		case !c.NotBefore.IsZero() && at.Before(c.NotBefore):
			return certNotYet
		}
	}
	return ""
}

// certifies reports whether a certificate is for a host (RFC 6125, section
// 6.4.3: a wildcard is the whole leftmost label; RFC 9525 drops the Common
// Name).
func certifies(c *trace.Certificate, host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		for _, s := range c.IPs {
			if ip.Equal(net.ParseIP(s)) {
				return true
			}
		}
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, name := range c.DNSNames {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if name == host {
			return true
		}
		if suffix, ok := strings.CutPrefix(name, "*"); ok && strings.HasPrefix(suffix, ".") {
			if _, rest, ok := strings.Cut(host, "."); ok && "."+rest == suffix {
				return true
			}
		}
	}
	return false
}

// certificateFault returns the findings for certificates that were refused for
// that reason.
func (f *facts) certificateFault(why string, match func(layer) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		w, confidence := f.refusal(y)
		if w != why || !match(y) {
			continue
		}
		found := finding(f.layerHop(y), y.at(), with(f.layerArgs(y), f.certificateArgs(y, why)...), f.certificateEvidence(y)...)
		found.Confidence = confidence
		list = append(list, found)
	}
	return list
}

// unseenIssuer completes "issued by" where the certificate was not seen: TLS 1.3
// encrypts it.
const unseenIssuer = "an authority that is not seen, as the certificate is encrypted"

func (f *facts) certificateArgs(y layer, why string) []string {
	c := &trace.Certificate{Subject: "not seen", Issuer: unseenIssuer}
	if len(y.l.Certificates) > 0 {
		c = y.l.Certificates[0]
	}
	if dateOf([]*trace.Certificate{c}, y.at()) == "" && (why == certExpired || why == certNotYet) {
		for _, other := range y.l.Certificates {
			if dateOf([]*trace.Certificate{other}, y.at()) != "" {
				c = other
				break
			}
		}
	}
	names := strings.Join(append(append([]string{}, c.DNSNames...), c.IPs...), ", ")
	return []string{
		"subject", c.Subject, "issuer", c.Issuer, "names", names,
		"not_before", c.NotBefore.UTC().Format(time.RFC3339), "not_after", c.NotAfter.UTC().Format(time.RFC3339),
		"at", y.at().UTC().Format(time.RFC3339), "ca_issuers", issuerURL(c),
	}
}

// issuerURL is where the issuer's certificate can be had over HTTP; empty if it
// does not say. Private authorities often give an LDAP URL only.
func issuerURL(c *trace.Certificate) string {
	i := slices.IndexFunc(c.CAIssuers, func(u string) bool {
		return strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://")
	})
	if i < 0 {
		return ""
	}
	return c.CAIssuers[i]
}

func (f *facts) certificateEvidence(y layer) []trace.Evidence {
	var list []trace.Evidence
	client := "the client"
	if f.byGit(y.c.PID) {
		client = "git"
	}
	if a := y.l.Alert; a != nil {
		e := tlsEvidence(y.c, y.l, client+" refused the certificate: alert "+a.Description)
		if a.Frame != 0 {
			e.Frames = []int{a.Frame}
		}
		list = append(list, e)
	} else {
		list = append(list, tlsEvidence(y.c, y.l, client+" ended the connection when it had the certificate"))
	}
	for i, c := range y.l.Certificates[:min(len(y.l.Certificates), maxEvidence-1)] {
		list = append(list, tlsEvidence(y.c, y.l, certificateText(i, c)))
	}
	return list
}

func certificateText(i int, c *trace.Certificate) string {
	what := "certificate"
	if i > 0 {
		what = "issuing certificate"
	}
	return what + " of " + c.Subject + ", issued by " + c.Issuer + ", valid " + c.NotBefore.UTC().Format(time.DateOnly) + " to " + c.NotAfter.UTC().Format(time.DateOnly)
}

func anyLayer(layer) bool { return true }

func toServer(y layer) bool { return !y.toProxy }

func tlsExpired(f *facts) []*trace.Finding     { return f.certificateFault(certExpired, anyLayer) }
func tlsNotYetValid(f *facts) []*trace.Finding { return f.certificateFault(certNotYet, anyLayer) }
func tlsHostname(f *facts) []*trace.Finding    { return f.certificateFault(certHostname, anyLayer) }
func tlsSelfSigned(f *facts) []*trace.Finding  { return f.certificateFault(certSelf, toServer) }
func tlsUnknownCA(f *facts) []*trace.Finding   { return f.certificateFault(certUnknownCA, toServer) }

// tlsMissingIntermediate: a private authority's certificate may look the same,
// so it is likely at most.
func tlsMissingIntermediate(f *facts) []*trace.Finding {
	return f.certificateFault(certAlone, toServer)
}

// httpsProxyUnknownCA: the proxy's own certificate, before any CONNECT.
func httpsProxyUnknownCA(f *facts) []*trace.Finding {
	toProxy := func(y layer) bool { return y.toProxy }
	list := slices.Concat(f.certificateFault(certUnknownCA, toProxy), f.certificateFault(certSelf, toProxy), f.certificateFault(certAlone, toProxy))
	for _, found := range list {
		found.Evidence = append(found.Evidence, f.proxySetting(found.Args["host"])...)
	}
	return list
}
