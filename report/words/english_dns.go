package words

// englishDNS is about names that could not be resolved.
func englishDNS() []Sentence {
	ask := "dig @{resolver} {host}   # ask the same resolver by hand; it is set in {resolv_conf}"
	stub := "resolvectl dns   # what {local_resolver} asks, where it is systemd-resolved"
	viaProxy := "export HTTPS_PROXY=http://PROXY:3128   # where a proxy is the way out, it resolves the name"
	return []Sentence{
		{
			Rule: "dns-nxdomain", Title: "the name does not exist",
			Summary:   "the resolver {server}{stub} says that {host} does not exist (NXDOMAIN)",
			Because:   "the name is misspelled, or this resolver does not know it (a name of an internal network, asked from outside)",
			Fix:       []string{"go env GOPROXY   # is {host} the right name?", ask, viaProxy},
			Meaning:   "The name has no DNS entry at the resolver that this machine asks.",
			Proof:     "An answer with rcode NXDOMAIN to our query, and no address for the name from any other lookup.",
			LookAlike: "dns-empty-noerror prints the same \"no such host\"; its rcode is NOERROR.",
		},
		{
			Rule: "dns-empty-noerror", Title: "the name has no address",
			Summary:   "the resolver {server}{stub} knows {host} but gives no address for it (NOERROR, no A or AAAA)",
			Because:   "a DNS filter answers like this, and so does a name that has other records only; go prints \"no such host\" for it too",
			Fix:       []string{ask, "dig @ANOTHER-RESOLVER {host}   # if that has an address, the resolver filters", viaProxy},
			Meaning:   "The name exists, with neither an IPv4 nor an IPv6 address.",
			Proof:     "Answers with rcode NOERROR and no A or AAAA record for both questions.",
			LookAlike: "dns-nxdomain: rcode NXDOMAIN.",
		},
		{
			Rule: "dns-servfail", Title: "the resolver failed",
			Summary:   "the resolver {server}{stub} failed to resolve {host} (SERVFAIL)",
			Because:   "its own upstream is unreachable, or the name's DNSSEC signatures do not hold",
			Fix:       []string{ask, "dig @{resolver} +cd {host}   # an answer with +cd means DNSSEC is what fails", stub, "use another resolver in {resolv_conf}"},
			Meaning:   "The resolver is alive and could not do its work.",
			Proof:     "An answer with rcode SERVFAIL.",
			LookAlike: "dns-refused: go prints \"server misbehaving\" for both; the rcode differs.",
		},
		{
			Rule: "dns-refused", Title: "the resolver refuses this client",
			Summary:   "the resolver {server}{stub} refuses to answer for {host} (REFUSED)",
			Because:   "its access list does not allow this machine, or it does not resolve for others",
			Fix:       []string{ask, stub, "set a resolver that serves this network in {resolv_conf}"},
			Meaning:   "The resolver's policy excludes the client or the name.",
			Proof:     "An answer with rcode REFUSED.",
			LookAlike: "dns-servfail: the same text of go, another rcode.",
		},
		{
			Rule: "dns-timeout", Title: "the resolver does not answer",
			Summary:   "the resolver {server}{stub} did not answer for {host} within {seconds} s",
			Because:   "the resolver is down, or UDP port 53 to it is dropped on the way",
			Fix:       []string{ask, stub, "cat /etc/resolv.conf   # go asks each server for 5 s, twice", "use a resolver that answers, or allow UDP port 53 to {resolver}"},
			Meaning:   "Queries left, were repeated, and nothing came back.",
			Proof:     "The question on the wire, sent again or left without a reply for longer than the resolver's time limit.",
			LookAlike: "dns-port-closed: an ICMP error comes back at once.",
		},
		{
			Rule: "dns-port-closed", Title: "no resolver at that address",
			Summary:   "the resolver {server}{stub} turned the query for {host} away: nothing listens there",
			Because:   "the address in {resolv_conf} has no DNS server (a local stub that is not running, an old entry)",
			Fix:       []string{"cat /etc/resolv.conf", "systemctl restart systemd-resolved   # if {resolver} is its local stub", "correct the name server in {resolv_conf}"},
			Meaning:   "The host is there, its port 53 is closed.",
			Proof:     "An ICMP port unreachable in reply to the query.",
			LookAlike: "dns-timeout: nothing at all comes back.",
		},
		{
			Rule: "proxy-name-unresolvable", Title: "the proxy's name does not resolve",
			Summary:   "the name of the proxy, {host}, could not be resolved by {server}{stub}",
			Because:   "the proxy variable names a host that DNS does not know here; away from its network (VPN down) that is to be expected",
			Fix:       []string{"env | grep -i _proxy", "export HTTPS_PROXY=http://PROXY:3128   # the right name, or", "unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy   # where no proxy is needed"},
			Meaning:   "Not the module proxy but the HTTP proxy in front of it can't be found.",
			Proof:     "NXDOMAIN, or an answer without an address, for the name in *_PROXY.",
			LookAlike: "dns-nxdomain: the name is the origin's.",
		},
	}
}
