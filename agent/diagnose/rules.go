package diagnose

import (
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Rule finds one kind of fault.
type Rule struct {
	// ID names the fault; it is never used for anything else.
	ID string
	// args are the names in the Args of each finding, separated by blanks;
	// sentences may use those and no others.
	args string
	find func(*facts) []*trace.Finding
}

// Args returns the names in the Args of each finding of the rule.
func (r Rule) Args() []string { return strings.Fields(r.args) }

// What findings about the same kind of thing have in common.
const (
	lookupArgs = "host server resolver"
	// resolutionArgs are also the resolver on this host that asked the server, or nothing.
	resolutionArgs = lookupArgs + " stub resolv_conf local_resolver"
	dialArgs       = "host port endpoint place address ip via connect url seconds from"
	connectArgs    = "host port endpoint address scheme proxy target status text"
	layerArgs      = "host port endpoint place address ip via connect name"
	helloArgs      = layerArgs + " bytes"
	waitArgs       = " seconds brief"
	alertArgs      = layerArgs + " alert version"
	certArgs       = layerArgs + " subject issuer names not_before not_after at ca_issuers"
	httpArgs       = "host port endpoint place address ip via connect url authority entry status text module path"
	bodyArgs       = httpArgs + " got length"
	streamArgs     = httpArgs + " code debug"
	absentArgs     = httpArgs + " server_said"
)

// Rules lists the rules, in the order of [Layers]: the settings, which explain what fails for them, then
// from the lowest layer to the highest. Where several
// faults are found, the first in this list explains the others. Their ids and
// the numbers of the faults are those of the project's fault catalogue; package
// words lists those that it lacks.
func Rules() []Rule {
	var rules []Rule
	for _, l := range Layers() {
		rules = append(rules, l.Rules...)
	}
	return rules
}

// Layer is a part of the way of a fetch, with the rules about it.
type Layer struct {
	// Name is an English heading without a capital.
	Name  string
	Rules []Rule
}

// Layers returns the rules by layer, in the order of [Rules].
func Layers() []Layer {
	return []Layer{
		{"settings", settingRules()},
		{"names", nameRules()},
		{"the way and TCP", wayRules()},
		{"the HTTP or SOCKS proxy between", proxyRules()},
		{"TLS", tlsRules()},
		{"HTTP", httpRules()},
		{"modules, checksums and version control", moduleRules()},
		{"the trace itself", traceRules()},
	}
}

// nameRules are those about names.
func nameRules() []Rule {
	return []Rule{
		{"dns-no-resolvconf", resolutionArgs, dnsNoResolvConf},
		{"dns-hosts-stale", "host address reason", dnsHostsStale},
		{"dns-injected", lookupArgs + " first second", dnsInjected},
		{"dns-answers-ignored", lookupArgs, dnsAnswersIgnored},
		{"dns-sinkhole", lookupArgs + " address", dnsSinkhole},
		{"dns-edns-rejected", resolutionArgs + " rcode", dnsEDNSRejected},
		{"dns-lame", resolutionArgs, dnsLame},
		{"dns-truncated-tcp-blocked", resolutionArgs + " reason", dnsTruncatedTCPBlocked},
		{"dns-port-closed", resolutionArgs, dnsPortClosed},
		{"dns-timeout", resolutionArgs + " seconds", dnsTimeout},
		{"dns-servfail", resolutionArgs, dnsServFail},
		{"dns-refused", resolutionArgs, dnsRefused},
		{"proxy-name-unresolvable", resolutionArgs, proxyNameUnresolvable},
		{"dns-nxdomain", resolutionArgs, dnsNXDomain},
		{"dns-empty-noerror", resolutionArgs, dnsEmptyAnswer},
		{"dns-aaaa-blackhole", lookupArgs + " count seconds", dnsAAAABlackhole},
		{"dns-first-server-dead", lookupArgs + " count seconds", dnsFirstServerDead},
		{"dns-search-ndots", lookupArgs + " count of", dnsSearchNDots},
	}
}

// wayRules are those about the way and TCP.
func wayRules() []Rule {
	return []Rule{
		{"route-prohibited", dialArgs, routeProhibited},
		{"route-blackhole", dialArgs, routeBlackhole},
		{"tcp-ephemeral-exhausted", dialArgs + " open", tcpEphemeralExhausted},
		{"ipv6-only-host", dialArgs, ipv6OnlyHost},
		{"tcp-multi-address-dead", dialArgs + " count addresses within", tcpMultiAddressDead},
		{"route-missing", dialArgs, routeMissing},
		{"fw-admin-prohibited", dialArgs, fwAdminProhibited},
		{"icmp-host-unreach", dialArgs, icmpHostUnreach},
		{"arp-no-answer", dialArgs, arpNoAnswer},
		{"proxy-unreachable", dialArgs + " reason scheme proxy", proxyUnreachable},
		{"dead-first-with-comma", dialArgs + " entry next reason list rest", deadFirstWithComma},
		{"fw-reject-reset", dialArgs + " ttl own other", fwRejectReset},
		{"tcp-refused", dialArgs, tcpRefused},
		{"tcp-syn-dropped", dialArgs, tcpSYNDropped},
	}
}

// proxyRules are those about the HTTP or SOCKS proxy between.
func proxyRules() []Rule {
	return []Rule{
		{"wrong-scheme-to-proxy", "host port endpoint address scheme proxy variable answer right", wrongSchemeToProxy},
		{"https-proxy-unknown-ca", certArgs, httpsProxyUnknownCA},
		{"proxy-407", connectArgs + " sent", proxy407},
		{"proxy-ntlm-kerberos", connectArgs, proxyNTLMKerberos},
		{"proxy-not-a-proxy", connectArgs + " variable", proxyNotAProxy},
		{"proxy-403", connectArgs, proxy403},
		{"proxy-5xx", connectArgs, proxy5xx},
		{"proxy-302-portal", connectArgs, proxy302Portal},
		{"proxy-hang-connect", connectArgs + waitArgs, proxyHangConnect},
		{"proxy-tunnel-silent", connectArgs + waitArgs, proxyTunnelSilent},
		{"tunnel-reset", connectArgs + " after how", tunnelReset},
		{"tunnel-plain-http", connectArgs + " answer", tunnelPlainHTTP},
		{"socks-refused", connectArgs, socksRefused},
	}
}

// tlsRules are those about TLS.
func tlsRules() []Rule {
	return []Rule{
		{"sni-reset", helloArgs, sniReset},
		{"tls-fin-after-hello", helloArgs, tlsFINAfterHello},
		{"pq-hello-dropped", helloArgs + waitArgs + " unacked again", pqHelloDropped},
		{"mtu-blackhole-client", helloArgs + waitArgs + " unacked again", mtuBlackholeClient},
		{"tls-silent-server", helloArgs + waitArgs, tlsSilentServer},
		{"http-on-https-port", layerArgs + " answer", httpOnHTTPSPort},
		{"non-tls-service", layerArgs + " answer", nonTLSService},
		{"clock-skew", certArgs + " clock skew other", clockSkew},
		{"tls-no-root-store", certArgs + " from", tlsNoRootStore},
		{"tls-weak-key-or-sha1", certArgs + " weak", tlsWeakKeyOrSHA1},
		{"tls-intercepted", certArgs + " product", tlsIntercepted},
		{"tls-ca-rotated", certArgs + " root from", tlsCARotated},
		{"tls-expired", certArgs, tlsExpired},
		{"tls-not-yet-valid", certArgs, tlsNotYetValid},
		{"tls-hostname", certArgs, tlsHostname},
		{"tls-self-signed", certArgs, tlsSelfSigned},
		{"tls-missing-intermediate", certArgs, tlsMissingIntermediate},
		{"tls-unknown-ca", certArgs, tlsUnknownCA},
		{"tls-version", alertArgs, tlsVersion},
		{"tls-client-cert", alertArgs, tlsClientCert},
		{"tls-alert-policy", alertArgs, tlsAlertPolicy},
		{"tls-handshake-failure", alertArgs, tlsHandshakeFailure},
	}
}

// httpRules are those about HTTP.
func httpRules() []Rule {
	return []Rule{
		{"h2-alpn-lie", httpArgs + " answer", h2ALPNLie},
		{"https-on-http-url", httpArgs + " right", httpsOnHTTPURL},
		{"header-malformed", httpArgs + " answer", headerMalformed},
		{"gzip-broken", httpArgs, gzipBroken},
		{"redirect-to-login", httpArgs + " first login", redirectToLogin},
		{"redirect-loop", httpArgs + " count hosts", redirectLoop},
		{"redirect-https-to-http", httpArgs + " to location", redirectHTTPSToHTTP},
		{"redirect-cdn-blocked", httpArgs + " to location from reason", redirectCDNBlocked},
		{"redirect-no-location", httpArgs, redirectNoLocation},
		{"http-unauthorized", httpArgs, httpUnauthorized},
		{"http-forbidden", httpArgs, httpForbidden},
		{"http-rate-limited", httpArgs, httpRateLimited},
		{"http-server-error", httpArgs, httpServerError},
		{"html-200", httpArgs, html200},
		{"html-as-list", httpArgs, htmlAsList},
		{"html-as-mod-poisons-cache", httpArgs, htmlAsMod},
		{"html-as-zip", httpArgs, htmlAsZip},
		{"http-odd-2xx", httpArgs, httpOdd2xx},
		{"empty-200", httpArgs, empty200},
		{"tcp-midstream-blackhole", httpArgs + waitArgs + " unacked again", tcpMidstreamBlackhole},
		{"hang-no-response", httpArgs + waitArgs, hangNoResponse},
		{"body-truncated", bodyArgs, bodyTruncated},
		{"body-reset", bodyArgs, bodyReset},
		{"body-stall", bodyArgs + waitArgs, bodyStall},
		{"h2-goaway-loop", httpArgs + " code count seconds", h2GoAwayLoop},
		{"h2-refused-stream", streamArgs, h2RefusedStream},
		{"h2-enhance-your-calm", streamArgs, h2EnhanceYourCalm},
		{"h2-http11-required", streamArgs, h2HTTP11Required},
		{"h2-goaway-error", streamArgs, h2GoAwayError},
		{"h2-stream-error", streamArgs, h2StreamError},
		{"http-fresh-conn-closed", httpArgs + " how", httpFreshConnClosed},
		{"body-drip", httpArgs + " got rate seconds", bodyDrip},
	}
}

// moduleRules are those about modules, checksums and version control.
func moduleRules() []Rule {
	return []Rule{
		{"checksum-mismatch", httpArgs + " got want database", checksumMismatch},
		{"proxy-wrong-version", httpArgs + " wanted got", proxyWrongVersion},
		{"goproxy-off", "command code", goproxyOff},
		{"dead-first-with-pipe", "host entry next count rest seconds", deadFirstWithPipe},
		{"proxy-stale-latest", httpArgs + " age", proxyStaleLatest},
		{"git-ca-differs", certArgs + " bundle accepted repository", gitCADiffers},
		{"unknown-revision", "host module revision repository server_said", unknownRevision},
		{"http-not-found", absentArgs, httpNotFound},
		{"url-not-found", absentArgs, urlNotFound},
		{"git-not-found", absentArgs + " repository", gitNotFound},
		{"toolchain-not-available", absentArgs, toolchainNotAvailable},
		{"import-path-404", absentArgs, importPath404},
		{"import-path-html", httpArgs, importPathHTML},
		{"git-auth-prompt", httpArgs, gitAuthPrompt},
		{"git-hang", httpArgs + waitArgs, gitHang},
		{"sumdb-unreachable", "host reason", sumDBUnreachable},
		{"sumdb-relay-broken", httpArgs, sumDBRelayBroken},
		{"sumdb-html", httpArgs, sumDBHTML},
		{"sumdb-404-private", absentArgs, sumDB404Private},
		{"sumdb-hang", httpArgs + waitArgs, sumDBHang},
	}
}

// traceRules are those about what the trace itself could not do; their ids are this project's own.
func traceRules() []Rule {
	return []Rule{
		{"tls-no-secret", "host process count opened", tlsNoSecret},
	}
}
