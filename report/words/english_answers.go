package words

// englishAnswers is about what name servers answer.
func englishAnswers() []Sentence {
	ask := "dig @{resolver} {host}   # ask the same resolver by hand"
	way := "export HTTPS_PROXY=http://PROXY:3128   # where a proxy is the way out, it resolves the name"
	return []Sentence{
		{
			Rule: "dns-no-resolvconf", Title: "no name server is set",
			Summary:   "no name server is set, so go asked {server} on this machine for {host}, and nobody is there",
			Because:   "/etc/resolv.conf is missing or has no nameserver line, as in a container that was started without one",
			Fix:       []string{"cat /etc/resolv.conf", "echo 'nameserver RESOLVER-ADDRESS' >> /etc/resolv.conf   # docker run has --dns for it"},
			Meaning:   "Names can't be looked up on this machine at all.",
			Proof:     "Questions to loopback without an answer, and no name server in resolv.conf.",
			LookAlike: "dns-port-closed: resolv.conf names a server, and it is down.",
		},
		{
			Rule: "dns-hosts-stale", Title: "the hosts file gives an address that does not work",
			Summary:   "/etc/hosts gives {address} for {host}, where it does not work ({reason}); DNS was not asked",
			Because:   "a line of the hosts file goes before DNS, and nobody keeps it up to date",
			Fix:       []string{"grep -n {host} /etc/hosts   # take the line out", "dig {host}   # what DNS says"},
			Meaning:   "The name is pinned to an address on this machine.",
			Proof:     "The line of the hosts file, no question for the name, and a failed connection or handshake at that address.",
			LookAlike: "dns-injected, dns-sinkhole: the wrong address comes from DNS. tcp-refused, tls-hostname: the address is right.",
		},
		{
			Rule: "dns-injected", Title: "two answers to one question",
			Summary:   "two different answers came to one question for {host}: {first}, which go took, then {second}",
			Because:   "somebody on the way answers faster than the resolver {server}; a resolver sends one answer",
			Fix:       []string{ask + " several times", way, "use a resolver over TLS or HTTPS, whose answers can't be forged on the way"},
			Meaning:   "The address that go used is not the resolver's.",
			Proof:     "Two replies with the same id to a question that was sent once, without a record in common, and trouble at the first one's address.",
			LookAlike: "dns-sinkhole: one answer, by the resolver itself. dns-answers-ignored: the ids differ.",
		},
		{
			Rule: "dns-answers-ignored", Title: "the answers fit no question",
			Summary:   "replies of {server} came back for {host}, with an id or question that go had not sent, so it ignored them",
			Because:   "a forwarder or address translation on the way mixes up or rewrites DNS messages",
			Fix:       []string{ask + "; it warns of an ID mismatch", "replace the forwarder, or name another server in /etc/resolv.conf", way},
			Meaning:   "The resolver answers, and its answers can't be told from forged ones.",
			Proof:     "Replies from the server to the question's own port with another id or name, and no reply that fits.",
			LookAlike: "dns-timeout: nothing comes back at all.",
		},
		{
			Rule: "dns-sinkhole", Title: "the resolver sends the name to this machine",
			Summary:   "the resolver {server} gives {address} for {host}, an address of this machine",
			Because:   "a filter for advertisements or a policy answers so for names that it blocks",
			Fix:       []string{ask, "ask those who run the filter for an exception for {host}", way},
			Meaning:   "The name is blocked in DNS.",
			Proof:     "An unspecified or loopback address in the answer, and the failed connection to it.",
			LookAlike: "dns-hosts-stale: the hosts file says so, without a question. dns-nxdomain: the name is denied.",
		},
		{
			Rule: "dns-edns-rejected", Title: "the resolver does not take EDNS",
			Summary:   "the resolver {server} answered {rcode} for {host}: it seems not to take questions with EDNS, which go's are",
			Because:   "an old resolver, or a router's forwarder, that knows only the DNS of before 1999; dig and others fall back, go does not",
			Fix:       []string{"GODEBUG=netedns0=0 go mod download   # without EDNS: if that works, this is it", "dig +noedns @{resolver} {host}", "name another server in /etc/resolv.conf"},
			Meaning:   "The question is taken for malformed because of its OPT record.",
			Proof:     "FORMERR or NOTIMP in reply to a question with an OPT record.",
			LookAlike: "dns-servfail, dns-refused: go prints \"server misbehaving\" for all of them.",
		},
		{
			Rule: "dns-lame", Title: "the server is no resolver",
			Summary:   "{server} answered the question for {host} with nothing, and says that it asks nobody: it is no resolver",
			Because:   "an authoritative name server, for names of its own, stands in /etc/resolv.conf",
			Fix:       []string{ask + ": no ra flag, no records", "cat /etc/resolv.conf   # name a recursive resolver"},
			Meaning:   "go prints \"lame referral\".",
			Proof:     "NOERROR without records, and neither the AA nor the RA bit.",
			LookAlike: "dns-empty-noerror: a resolver says that the name has no address.",
		},
		{
			Rule: "dns-truncated-tcp-blocked", Title: "the answer is to be had over TCP, which is closed",
			Summary:   "the answer of {server} for {host} does not fit a datagram, and over TCP the server can't be reached ({reason})",
			Because:   "a firewall lets UDP port 53 pass and not TCP port 53",
			Fix:       []string{"dig +tcp @{resolver} {host}", "allow TCP to {server}", way},
			Meaning:   "The truncated bit sends the client to TCP, where nobody answers.",
			Proof:     "A reply with the TC bit, then a failed connection to the same server's port 53.",
			LookAlike: "dns-timeout: UDP is silent too.",
		},
	}
}

// englishSlow is about time that was lost.
func englishSlow() []Sentence {
	resolv := "echo 'options timeout:1 attempts:1' >> /etc/resolv.conf   # go obeys it"
	return []Sentence{
		{
			Rule: "dns-aaaa-blackhole", Title: "questions for IPv6 addresses are never answered",
			Summary:   "{seconds} s went by in {count} waits for the IPv6 addresses of {host} and others, for which {server} never answers",
			Because:   "the resolver, or a firewall before it, drops questions of type AAAA; go asks for both families at once and waits for both",
			Fix:       []string{"dig AAAA @{resolver} {host}   # no answer", resolv, "have the resolver answer AAAA, if only with nothing"},
			Meaning:   "Each new connection pays for a question that nobody answers.",
			Proof:     "A answered, AAAA of the same name to the same server without a reply, and the connection only after the time-out.",
			LookAlike: "dns-first-server-dead: A is not answered either.",
		},
		{
			Rule: "dns-first-server-dead", Title: "the first name server is dead",
			Summary:   "{seconds} s went by in {count} questions to the name server {server}, which never answers; the next one does",
			Because:   "name servers are asked in the order of /etc/resolv.conf, each lookup anew, and go keeps no answers",
			Fix:       []string{"dig @{resolver} {host}   # no answer", "cat /etc/resolv.conf   # take {resolver} out, or put it last", resolv},
			Meaning:   "Each lookup pays for a server that is not there.",
			Proof:     "Questions to a server that answered none of them, each then asked of another that did.",
			LookAlike: "dns-timeout: no server answers. dns-aaaa-blackhole: the server answers other questions.",
		},
		{
			Rule: "dead-first-with-pipe", Title: "each request first waits for an entry that fails",
			Summary:   "{seconds} s went by at {entry}, which failed {count} times before go went on to {next}",
			Because:   "after \"|\" go goes on after any error, and forgets the error: the next request begins at the first entry again",
			Fix:       []string{"go env -w GOPROXY='{rest}'   # leave the entry out, or put it last", "go env GOPROXY"},
			Meaning:   "The list works, and costs the time of a failure for each file.",
			Proof:     "Failed requests or connections to the entry, each followed by one to the next, with their sum.",
			LookAlike: "dead-first-with-comma: go does not go on at all.",
		},
		{
			Rule: "body-drip", Title: "the answer drips",
			Summary:   "{host} sent {got} bytes for {url}{via} in {seconds} s, {rate} bytes per second",
			Because:   "a virus scanner that lets some bytes through while it looks at the file, or a limit to the rate; no packet had to be sent again",
			Fix:       []string{"curl -o /dev/null {url}   # what is its average speed?", "ask those who run the proxy or the scanner to exempt {host}"},
			Meaning:   "Everything works, at a trickle.",
			Proof:     "A whole answer, its first and last byte's times, and no retransmission.",
			LookAlike: "body-stall: nothing comes any more.",
		},
	}
}

// englishLocal is about this machine's own tables, and names with many
// addresses.
func englishLocal() []Sentence {
	route := "ip route get {ip}"
	return []Sentence{
		{
			Rule: "route-prohibited", Title: "a route forbids the address",
			Summary:   "a route of this machine forbids {host} ({address}): permission denied",
			Because:   "a route or rule of type prohibit, as VPN clients set them to let nothing out beside the tunnel",
			Fix:       []string{route, "ip rule; ip route show table all type prohibit", "connect the VPN, or take the rule out"},
			Meaning:   "No packet left: the kernel refused the connection.",
			Proof:     "EACCES from connect, and no SYN.",
			LookAlike: "fw-admin-prohibited: a router says so, by ICMP. route-missing: there is no route.",
		},
		{
			Rule: "route-blackhole", Title: "a route sends the address nowhere",
			Summary:   "a route of this machine sends {host} ({address}) nowhere: invalid argument",
			Because:   "a route of type blackhole, set by hand, by a routing daemon or by a tool against attacks",
			Fix:       []string{route, "ip route show table all type blackhole", "ip route del blackhole {ip}   # as it stands in the table"},
			Meaning:   "No packet left: the kernel refused the connection.",
			Proof:     "EINVAL from connect, and no SYN.",
			LookAlike: "route-prohibited: another type of route. tcp-syn-dropped: the SYN left.",
		},
		{
			Rule: "tcp-ephemeral-exhausted", Title: "no local port is left",
			Summary:   "this machine has no local port left for another connection to {host} ({address}), with {open} of this command's open",
			Because:   "each connection to the same address needs a port of its own, and closed ones keep theirs for a minute; the range is small, or something opens very many",
			Fix:       []string{"ss -tan state time-wait | wc -l; cat /proc/sys/net/ipv4/ip_local_port_range", "sysctl -w net.ipv4.ip_local_port_range='32768 60999'", "GODEBUG=cmdgonetlimit=2 go mod download   # fewer at a time"},
			Meaning:   "The kernel could not pick a source port.",
			Proof:     "EADDRNOTAVAIL from connect, and no SYN.",
			LookAlike: "route-missing: there is no way to the address.",
		},
		{
			Rule: "ipv6-only-host", Title: "IPv6 only, and no IPv6 here",
			Summary:   "{host} has IPv6 addresses only, and this machine has no way to {address}",
			Because:   "the resolver gives no IPv4 address for the name, and there is no IPv6 route",
			Fix:       []string{"dig A {host}; dig AAAA {host}", "ip -6 route", "export HTTPS_PROXY=http://PROXY:3128   # a proxy with IPv6"},
			Meaning:   "The two ends have no address family in common.",
			Proof:     "AAAA with records, A without, and ENETUNREACH for the IPv6 address.",
			LookAlike: "route-missing: the host has addresses of the family that this machine has, too.",
		},
		{
			Rule: "tcp-multi-address-dead", Title: "none of the host's addresses answers",
			Summary:   "none of the {count} addresses of {host} could be connected to{within}: {addresses}",
			Because:   "go tries them one after the other and prints the error of the first; the name may still have addresses of hosts that are gone",
			Fix:       []string{"dig {host}", "curl -v --connect-timeout 5 {url}   # which of them fails how?", "go env -w GOPROXY='https://OTHER-MODULE-PROXY,direct'"},
			Meaning:   "It is not one bad address among good ones.",
			Proof:     "A failed connection to each of several addresses of one family.",
			LookAlike: "tcp-refused, tcp-syn-dropped: there is one address.",
		},
	}
}
