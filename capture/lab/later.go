package lab

import (
	"crypto/tls"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// Later lists other shapes of the faults of [Faults] that were made when the
// rules were finished: the rules had never seen one of them. They run for
// docs/accuracy.md only.
func Later() []Fault {
	return slices.Concat(healthyLater(), plainLater(), oldTLSLater(), proxiedLater(), elsewhereLater(), namesLater(), waysLater(), settingsLater())
}

// again is another shape of a fault of [Faults]: what change says is added to
// its setup.
func again(of, suffix, about string, change func(*Setup)) Fault {
	f, _ := FaultNamed(of)
	f.Name += "-" + suffix
	f.About += "; " + about
	first := f.Setup
	f.Setup = func(s *Setup) {
		if first != nil {
			first(s)
		}
		change(s)
	}
	return f
}

// proving is a fault with other counters that show it.
func proving(f Fault, proof ...string) Fault {
	f.Proof = proof
	return f
}

// each is another shape of several faults.
func each(names, suffix, about string, change func(*Setup)) []Fault {
	var list []Fault
	for name := range strings.FieldsSeq(names) {
		list = append(list, again(name, suffix, about, change))
	}
	return list
}

// plainLater lists faults of HTTP at a module proxy without TLS.
func plainLater() []Fault {
	plain := func(s *Setup) { s.GOPROXY = "http://" + GoProxyHost }
	list := each(`http-server-error http-forbidden http-unauthorized http-rate-limited http-not-found redirect-no-location
		http-odd-2xx http-fresh-conn-closed empty-200 hang-no-response redirect-loop html-200 html-as-list html-as-mod gzip-broken
		header-malformed redirect-to-login checksum-mismatch proxy-wrong-version sumdb-relay-broken sumdb-html toolchain-not-available tcp-midstream-blackhole`,
		"plain", "over plain HTTP", plain)
	for _, c := range []struct {
		of, path string
		answer   Answer
	}{
		{"body-truncated", ".info", Truncate()}, {"body-stall", ".mod", Stall()}, {"body-drip", ".mod", Drip(20, 200*time.Millisecond)},
		{"html-as-zip", ".zip", Page("text/html", portal)}, {"sumdb-404-private", "/lookup/", Status(404)}, {"sumdb-hang", "/lookup/", Silence()},
	} {
		f, _ := FaultNamed(c.of)
		f.Name, f.Hop, f.About, f.Proof = f.Name+"-plain", atGoProxy, f.About+"; at a module proxy without TLS", nil
		f.Setup = func(s *Setup) { plain(s); s.At(GoProxyHost).Answer = OnPath(c.path, c.answer) }
		list = append(list, f)
	}
	return list
}

// oldTLSLater lists faults of certificates in TLS 1.2, where they are in the clear.
func oldTLSLater() []Fault {
	return each(`tls-unknown-ca tls-expired tls-not-yet-valid tls-hostname tls-self-signed tls-missing-intermediate tls-intercepted
		tls-weak-key-or-sha1 tls-ca-rotated clock-skew`, "tls12", "through an HTTP proxy, in TLS 1.2",
		func(s *Setup) { s.Via, s.At(GoProxyHost).MaxTLS = HTTPProxy, tls.VersionTLS12 })
}

// proxiedLater lists faults behind another kind of proxy.
func proxiedLater() []Fault {
	return slices.Concat(
		each(`hang-no-response body-stall import-path-404 unknown-revision toolchain-not-available h2-alpn-lie
			git-ca-differs html-as-zip goflags-insecure dead-first-with-pipe tls-no-root-store`, "proxied", "through an HTTP proxy",
			func(s *Setup) { s.Via = HTTPProxy }),
		each("proxy-tunnel-silent tunnel-plain-http proxy-unreachable", "socks", "through a SOCKS5 proxy", func(s *Setup) { s.Via = SOCKS5 }),
		each("proxy-407 proxy-403 proxy-hang-connect proxy-302-portal proxy-name-unresolvable", "https", "through a proxy over TLS",
			func(s *Setup) { s.Via = HTTPSProxy }),
		[]Fault{again("https-proxy-unknown-ca", "self", "signed by itself, in TLS 1.2", func(s *Setup) {
			s.At(ProxyHost).Certificate, s.At(ProxyHost).MaxTLS = SelfSigned, tls.VersionTLS12
		})},
	)
}

// elsewhereLater lists faults at another host than the module proxy, or in IPv6.
func elsewhereLater() []Fault {
	moved := func(of, suffix, hop string, change func(*Setup), proof ...string) Fault {
		f, _ := FaultNamed(of)
		f.Name, f.Hop, f.About, f.Setup, f.Proof = f.Name+"-"+suffix, hop, f.About+"; at another host", change, proof
		if suffix == "git" {
			f.Command = getFromGit()
			f.Setup = func(s *Setup) { s.GOPROXY = "direct"; change(s) }
		}
		return f
	}
	filtered := func(f Filter) func(*Setup) {
		return func(s *Setup) { s.SmallPackets, s.At(CDNHost).Filter = true, f }
	}
	raw := func(r Raw) func(*Setup) { return func(s *Setup) { s.At(CDNHost).Raw = r } }
	return append(each(`tcp-refused fallback-dead-first discovery-blocked ssh-blocked sumdb-shadowed-by-dead-first toolchain-needs-sumdb
		toolchain-local-too-old https-on-http-url tcp-ephemeral-exhausted`, "ipv6", "in IPv6", func(s *Setup) { s.Family = IPv6Only }),
		moved("sni-reset", "cdn", atCDN, raw(ResetAfterHello()), CDNHost+": raw"),
		moved("tls-silent-server", "cdn", atCDN, raw(SilentAfterHello()), CDNHost+": raw"),
		moved("http-on-https-port", "cdn", atCDN, raw(Speak(blockPage)), CDNHost+": raw"),
		moved("tcp-syn-dropped", "git", atGit, func(s *Setup) { s.At(GitHost).Port = Dropping }, GitHost+": SYN dropped"),
		moved("icmp-host-unreach", "git", atRoute, func(s *Setup) { s.At(GitHost).Way = Unreachable }, "servers: unreachable"),
		moved("arp-no-answer", "git", atRoute, func(s *Setup) { s.At(GitHost).Way = NoNeighbor }, "client: unreachable"),
		moved("pq-hello-dropped", "cdn", atCDN, filtered(DropBetween(60, 600)), CDNHost+": packet dropped"),
		moved("mtu-blackhole-client", "cdn", atCDN, filtered(DropLonger(1300)), CDNHost+": packet dropped"),
		proving(again("git-proxy-refused", "403", "the proxy does not like git's User-Agent", func(s *Setup) {
			s.Auth, s.At(ProxyHost).Answer = false, whenAgent("git/", Status(403))
		}), ProxyHost+": 403"),
		proving(again("sumdb-unreachable", "name", "for its name is not known", func(s *Setup) {
			s.At(SumDBHost).Port, s.Resolver = Open, Resolver{Rcode: dns.RcodeNameError, Names: []string{SumDBHost}}
		}), ResolverHost+": NXDOMAIN"),
	)
}

// namesLater lists faults of DNS for the proxy's name, and in other ways.
func namesLater() []Fault {
	list := each("dns-edns-rejected dns-lame dns-truncated-tcp-blocked dns-answers-ignored", "proxied", "for the HTTP proxy's name", func(s *Setup) {
		s.Via, s.Resolver.Names = HTTPProxy, []string{ProxyHost}
	})
	return append(list,
		proving(again("dns-port-closed", "ipv6", "in IPv6", func(s *Setup) { s.Family = IPv6Only })),
		proving(again("dns-injected", "refused", "nothing listens at the forged address", func(s *Setup) { s.At(MirrorHost).Port = Closed }), "servers: RST"),
		again("dns-sinkhole", "loopback", "with 127.0.0.1", func(s *Setup) { s.Resolver.Reply = Addresses("127.0.0.1") }),
		again("dns-aaaa-blackhole", "cdn", "for the CDN only", func(s *Setup) { s.Resolver.Names = []string{CDNHost} }),
		again("dns-first-server-dead", "proxied", "for the HTTP proxy's name", func(s *Setup) { s.Via = HTTPProxy }),
		again("dns-no-resolvconf", "direct", "for the git host", func(s *Setup) { s.GOPROXY = "direct" }),
		again("dns-servfail", "all", "for every name", func(s *Setup) { s.Resolver = Resolver{Rcode: dns.RcodeServerFailure} }),
		again("dns-empty-noerror", "ipv6", "in IPv6", func(s *Setup) { s.Family = IPv6Only }),
	)
}

// waysLater lists faults of this machine's tables on the way to the git host.
func waysLater() []Fault {
	git := func(kind int) func(*Setup) {
		return func(s *Setup) {
			s.GOPROXY, s.Client = "direct", func() error { return addRoute("10.77.0.14/32", kind) }
		}
	}
	list := []Fault{
		again("route-prohibited", "git", "to the git host", git(unix.RTN_PROHIBIT)),
		again("route-blackhole", "git", "to the git host", git(unix.RTN_BLACKHOLE)),
		again("ipv6-only-host", "git", "the git host has none other, either", func(s *Setup) {
			s.GOPROXY, s.Resolver = "direct", Resolver{Reply: Addresses("2001:db8::14"), Names: []string{GitHost}}
		}),
		again("tcp-multi-address-dead", "git", "at the git host", func(s *Setup) {
			s.GOPROXY, s.Resolver = "direct", Resolver{Reply: Addresses("10.77.0.14", "10.77.0.12"), Names: []string{GitHost}}
			s.At(GitHost).Port, s.At(CDNHost).Port = Closed, Closed
		}),
	}
	for i := range list {
		list[i].Command = getFromGit()
	}
	list[3].Hop = atGit
	return list
}

// settingsLater lists faults of settings with another command than go get.
func settingsLater() []Fault {
	list := each(`all-proxy-ignored https-proxy-missing proxy-case-conflict socks4-unsupported netlimit-zero credentials-on-http
		sumdb-bad-key goproxy-env-shadow gonoproxy-forces-direct`, "download", "with go mod download", func(*Setup) {})
	for i := range list {
		list[i].Command = []string{"go", "mod", "download", HelloModule}
		if list[i].Rule == "sumdb-bad-key" {
			list[i].Proof = []string{GoProxyHost + ": 200"}
		}
	}
	return append(list, each("govcs-denied git-missing private-via-public-proxy git-proxy-differs", "http1", "the git host without HTTP/2",
		func(s *Setup) { s.At(GitHost).HTTP1 = true })...)
}

// healthyLater lists more that works.
func healthyLater() []Fault {
	direct := func(s *Setup) { s.GOPROXY = "direct" }
	fine := func(name, about string, setup func(*Setup), command ...string) Fault {
		return Fault{Name: "healthy-" + name, About: about, Setup: setup, Command: command}
	}
	env := func(variables ...string) func(*Setup) { return func(s *Setup) { s.Env = variables } }
	return []Fault{
		fine("slow", "a module proxy that thinks for a second each time", func(s *Setup) { s.At(GoProxyHost).Answer = After(time.Second, Unchanged()) }),
		fine("large", "a zip of 2 MiB", nil, "go", "get", "mod.test/large@v1.0.0"),
		fine("two", "two modules at once", nil, "go", "get", "mod.test/large@v1.0.0", HelloModule),
		fine("versions", "a list of versions", nil, "go", "list", "-m", "-versions", "mod.test/hello"),
		fine("latest", "no version", nil, "go", "get", "mod.test/hello"),
		fine("download", "two commands, one after the other", nil, "sh", "-c", "go get mod.test/quote@v1.2.0 && go mod download all"),
		fine("pipe", "a list of two good entries", func(s *Setup) { s.GOPROXY = "https://" + MirrorHost + "|https://" + GoProxyHost }),
		fine("private", "GOPRIVATE sends go to the git host", env("GOPRIVATE="+GitHost), getFromGit()...),
		fine("to-direct", "404 at the module proxy, then the git host", func(s *Setup) {
			s.GOPROXY, s.At(GoProxyHost).Answer = "https://"+GoProxyHost+",direct", OnPath("/"+GitHost+"/", Status(404))
			s.Env = []string{"GONOSUMDB=" + GitHost}
		}, getFromGit()...),
		fine("http1-proxied", "no HTTP/2, through an HTTP proxy", func(s *Setup) { s.Via, s.At(GoProxyHost).HTTP1, s.At(CDNHost).HTTP1 = HTTPProxy, true, true }),
		fine("ipv6-proxied", "IPv6 through an HTTP proxy", func(s *Setup) { s.Via, s.Family = HTTPProxy, IPv6Only }),
		fine("https-auth", "a proxy over TLS that wants credentials", func(s *Setup) { s.Via, s.Auth = HTTPSProxy, true }),
		fine("socks-open", "a SOCKS5 proxy that wants none", func(s *Setup) { s.Via = SOCKS5 }),
		fine("git-proxied", "git through an HTTP proxy", func(s *Setup) { direct(s); s.Via = HTTPProxy }, getFromGit()...),
		fine("git-http1", "a git host without HTTP/2", func(s *Setup) { direct(s); s.At(GitHost).HTTP1 = true }, getFromGit()...),
		fine("plain", "a module proxy without TLS", func(s *Setup) { s.GOPROXY = "http://" + GoProxyHost }),
		fine("no-sumdb", "GOSUMDB=off", env("GOSUMDB=off")),
		fine("no-relay", "a module proxy that does not relay the checksum database", func(s *Setup) { s.NoSumDBRelay = true }),
		fine("old-tls", "TLS 1.2 through a proxy over TLS", func(s *Setup) { s.Via, s.At(GoProxyHost).MaxTLS = HTTPSProxy, tls.VersionTLS12 }),
	}
}
