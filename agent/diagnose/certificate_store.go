package diagnose

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// inspectors are names by which products that open TLS call their own
// authorities, as far as their defaults go, with the product.
func inspectors() map[string]string {
	return map[string]string{
		"avast": "Avast", "barracuda": "Barracuda", "bitdefender": "Bitdefender", "blue coat": "Blue Coat ProxySG", "bluecoat": "Blue Coat ProxySG",
		"burp": "Burp Suite", "charles proxy": "Charles Proxy", "check point": "Check Point", "cisco umbrella": "Cisco Umbrella",
		"cloudflare for teams": "Cloudflare Gateway", "gateway ca - cloudflare": "Cloudflare Gateway", "do_not_trust": "Fiddler",
		"eset ssl filter": "ESET", "forcepoint": "Forcepoint", "fortigate": "FortiGate", "fortinet": "FortiGate", "iboss": "iboss",
		"kaspersky": "Kaspersky", "lightspeed": "Lightspeed", "mcafee": "McAfee Web Gateway", "menlo security": "Menlo Security", "mitmproxy": "mitmproxy",
		"netskope": "Netskope", "palo alto": "Palo Alto Networks", "portswigger": "Burp Suite", "skyhigh": "Skyhigh Web Gateway", "sonicwall": "SonicWall",
		"sophos": "Sophos", "squid": "Squid", "symantec web security": "Symantec Web Security", "trend micro": "Trend Micro", "untangle": "Untangle",
		"watchguard": "WatchGuard", "websense": "Forcepoint", "zscaler": "Zscaler",
	}
}

// inspector names the product whose authority issued one of the certificates;
// empty if none is known.
func inspector(chain []*trace.Certificate) string {
	for _, c := range chain {
		issuer := strings.ToLower(c.Issuer)
		for name, product := range inspectors() {
			if strings.Contains(issuer, name) {
				return product
			}
		}
	}
	return ""
}

// refusedChain returns the findings for servers' certificates that were refused
// for their chain, where match adds what it knows to the arguments.
func (f *facts) refusedChain(match func(layer, *trace.Finding) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, why := range []string{certUnknownCA, certAlone, certSelf} {
		for _, y := range f.layers {
			w, confidence := f.refusal(y)
			if w != why || len(y.l.Certificates) == 0 {
				continue
			}
			found := finding(f.layerHop(y), y.at(), with(f.layerArgs(y), f.certificateArgs(y, why)...), f.certificateEvidence(y)...)
			found.Confidence = confidence
			if match(y, found) {
				list = append(list, found)
			}
		}
	}
	return list
}

// tlsIntercepted: a product on the way opens TLS, and its authority is not
// among those that the client trusts.
func tlsIntercepted(f *facts) []*trace.Finding {
	return f.refusedChain(func(y layer, found *trace.Finding) bool {
		found.Args["product"] = inspector(y.l.Certificates)
		return found.Args["product"] != ""
	})
}

// tlsWeakKeyOrSHA1: crypto/x509 does not follow such a signature, and says
// unknown authority.
func tlsWeakKeyOrSHA1(f *facts) []*trace.Finding {
	return f.refusedChain(func(y layer, found *trace.Finding) bool {
		i := slices.IndexFunc(y.l.Certificates, func(c *trace.Certificate) bool { return c.Weak != "" })
		if i < 0 {
			return false
		}
		found.Args["weak"], found.Args["subject"] = y.l.Certificates[i].Weak, y.l.Certificates[i].Subject
		return true
	})
}

// roots are the authorities that go trusts; nil where that is not known, or
// not of the go command.
func (f *facts) roots(y layer) *trace.Roots {
	if f.Trace.Environment == nil || !f.byGo(y.c.PID) {
		return nil
	}
	return f.Trace.Environment.Roots
}

// tlsNoRootStore: there is no authority to trust on this machine.
func tlsNoRootStore(f *facts) []*trace.Finding {
	return f.refusedChain(func(y layer, found *trace.Finding) bool {
		roots := f.roots(y)
		if roots == nil || roots.Count > 0 {
			return false
		}
		found.Hop, found.Confidence = hopHost, trace.Certain
		found.Args["from"] = strings.Join(roots.From, ", ")
		found.Evidence = append(found.Evidence, rootsEvidence(roots, "no certificate in "+found.Args["from"]), f.trustEvidence("SSL_CERT_FILE"))
		return true
	})
}

func rootsEvidence(roots *trace.Roots, text string) trace.Evidence {
	return trace.Evidence{Kind: kindConfig, Ref: "roots", Text: text}
}

// tlsCARotated: the client trusts an authority of that name, and the signature
// is not by its key.
func tlsCARotated(f *facts) []*trace.Finding {
	return f.refusedChain(func(y layer, found *trace.Finding) bool {
		roots, top := f.roots(y), y.l.Certificates[len(y.l.Certificates)-1]
		if roots == nil || !slices.Contains(roots.Subjects, top.Issuer) {
			return false
		}
		found.Args["root"], found.Args["from"] = top.Issuer, strings.Join(roots.From, ", ")
		found.Evidence = append(found.Evidence, rootsEvidence(roots, found.Args["from"]+" has an authority of the same name: "+top.Issuer))
		return true
	})
}

// minSkew is how far apart two clocks must be before one of them is wrong.
const minSkew = 10 * time.Minute

// clockSkew: by the clock of a server that was talked to, the certificate is
// valid, and this machine's clock is far from that.
func clockSkew(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, why := range []string{certExpired, certNotYet} {
		for _, found := range f.certificateFault(why, anyLayer) {
			r, date := f.otherClock()
			if r == nil {
				return nil
			}
			i := slices.IndexFunc(f.layers, func(y layer) bool { w, _ := f.refusal(y); return w == why })
			skew := date.Sub(r.AnsweredAt)
			if i < 0 || dateOf(f.layers[i].l.Certificates, f.layers[i].at().Add(skew)) != "" {
				continue
			}
			found.Hop, found.Confidence = hopHost, weaker(found.Confidence)
			found.Args["clock"], found.Args["skew"], found.Args["other"] = date.UTC().Format(time.RFC3339), aheadOrBehind(skew), f.serverOf(r)
			found.Evidence = append(found.Evidence, requestEvidence(r, "Date: "+r.Header("Date")+", received at "+r.AnsweredAt.UTC().Format(http.TimeFormat)))
			list = append(list, found)
		}
	}
	return list
}

// otherClock returns the answer whose Date header is furthest from this
// machine's clock, if that is far (RFC 9110, section 6.6.1).
func (f *facts) otherClock() (answer *trace.Request, date time.Time) {
	furthest := minSkew
	for _, r := range f.Trace.Requests {
		at, err := http.ParseTime(r.Header("Date"))
		if err != nil || r.AnsweredAt.IsZero() || r.Header("Age") != "" {
			continue
		}
		if skew := at.Sub(r.AnsweredAt).Abs(); skew > furthest {
			answer, date, furthest = r, at, skew
		}
	}
	return answer, date
}

// serverOf names who answered a request: the proxy, for CONNECT.
func (f *facts) serverOf(r *trace.Request) string {
	if c := f.Connection(r.Connection); c != nil && r.Method == "CONNECT" {
		host, _ := f.Proxy(c)
		return host
	}
	return urlHost(r.URL)
}

// span writes how far two clocks are apart, to the minute.
func span(d time.Duration) string {
	d = d.Round(time.Minute)
	if d >= 100*time.Hour {
		return strconv.Itoa(int(d/(24*time.Hour))) + " days"
	}
	s := strings.TrimSuffix(d.String(), "0s")
	if d%time.Hour == 0 {
		s = strings.TrimSuffix(s, "0m")
	}
	return strings.TrimSpace(strings.NewReplacer("h", " h ", "m", " min").Replace(s))
}

// aheadOrBehind says where this machine's clock is, given how far ahead of it
// another is.
func aheadOrBehind(skew time.Duration) string {
	if skew > 0 {
		return span(skew) + " behind"
	}
	return span(-skew) + " ahead of"
}
