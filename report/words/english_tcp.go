package words

// englishTCP is about connections that were not made.
func englishTCP() []Sentence {
	probe := "curl -v --connect-timeout 5 {url}   # the same connection by hand"
	another := "go env -w GOPROXY='https://OTHER-MODULE-PROXY,direct'"
	return []Sentence{
		{
			Rule: "tcp-refused", Title: "connection refused",
			Summary:   "{host} refused the connection to port {port} ({address})",
			Because:   "nothing listens there: the service is down, or the port in the URL is wrong",
			Fix:       []string{probe, "go env GOPROXY   # host and port as meant?", another},
			Meaning:   "The host is reachable and has no service on that port.",
			Proof:     "A RST, or an ICMP port unreachable, in reply to the SYN.",
			LookAlike: "tcp-syn-dropped: nothing comes back. proxy-unreachable: the refused address is the HTTP proxy's.",
		},
		{
			Rule: "tcp-syn-dropped", Title: "no answer to the SYN",
			Summary:   "{host} did not answer: no reply to any SYN to {address} in {seconds} s",
			Because:   "a firewall drops the packets without a word, or the host is down; go gives up after 30 s",
			Fix:       []string{probe, "export HTTPS_PROXY=http://PROXY:3128   # if the way out of this network is a proxy", "ask the network's operators to allow TCP to {address}"},
			Meaning:   "SYNs left this machine and nothing answered them.",
			Proof:     "Repeated SYNs without SYN-ACK, RST or ICMP error.",
			LookAlike: "tcp-refused answers at once; icmp-host-unreach has an ICMP error.",
		},
		{
			Rule: "icmp-host-unreach", Title: "a router says that the host is unreachable",
			Summary:   "{from} reports that {host} ({address}) is unreachable",
			Because:   "the last router on the way has no way to that host",
			Fix:       []string{"ip route get {ip}", "traceroute -T -p {port} {host}"},
			Meaning:   "A router on the way gave up on the host.",
			Proof:     "An ICMP host unreachable that quotes our SYN.",
			LookAlike: "arp-no-answer has the same errno and no ICMP message; fw-admin-prohibited has another code.",
		},
		{
			Rule: "arp-no-answer", Title: "no such neighbour",
			Summary:   "the kernel found no way to hand packets for {host} ({address}) to the next hop",
			Because:   "the next hop, or the host itself if it is on this subnet, does not answer ARP or neighbour solicitations",
			Fix:       []string{"ip neigh show to {ip}", "ip route get {ip}", "ping -c 1 {ip}"},
			Meaning:   "Nobody on the local link has that address.",
			Proof:     "EHOSTUNREACH from the kernel, which at most sent an ICMP error to itself: no router said so.",
			LookAlike: "icmp-host-unreach: a router said so.",
		},
		{
			Rule: "fw-admin-prohibited", Title: "a firewall says no",
			Summary:   "a firewall at {from} prohibits the connection to {host} port {port} ({address})",
			Because:   "a filter rule rejects it, by an ICMP message",
			Fix:       []string{"export HTTPS_PROXY=http://PROXY:3128   # if the way out is a proxy", "ask the operators of {from} to allow TCP to {address}"},
			Meaning:   "A packet filter rejected the SYN and said so.",
			Proof:     "An ICMP administratively prohibited that quotes our SYN.",
			LookAlike: "icmp-host-unreach: go prints \"no route to host\" for both; the ICMP code differs.",
		},
		{
			Rule: "route-missing", Title: "no route",
			Summary:   "there is no route to {host} ({address}): network unreachable, according to {from}",
			Because:   "no default route, a VPN that is down, or an address family that this machine does not have",
			Fix:       []string{"ip route; ip -6 route", "ip route get {ip}"},
			Meaning:   "The routing table has no entry for the address.",
			Proof:     "ENETUNREACH from the kernel, or an ICMP network unreachable.",
			LookAlike: "If another address of the host worked, this is not reported.",
		},
		{
			Rule: "proxy-unreachable", Title: "the HTTP proxy can't be reached",
			Summary:   "the proxy {endpoint} could not be reached ({reason})",
			Because:   "the proxy variable points to a host that does not answer there: the proxy is down, the port is wrong, or it belongs to another network",
			Fix:       []string{"env | grep -i _proxy", "curl -v -x {proxy} https://example.com/", "unset HTTPS_PROXY https_proxy   # where no proxy is needed"},
			Meaning:   "The connection to the HTTP proxy itself failed, so nothing is known about what is behind it.",
			Proof:     "A RST to the SYN, or no answer to it, at the address from *_PROXY.",
			LookAlike: "tcp-refused and tcp-syn-dropped: the address is the origin's.",
		},
		{
			Rule: "dead-first-with-comma", Title: "the first entry is dead and the next is never asked",
			Summary:   "{entry} could not be reached ({reason}), and the comma after it keeps go from {next}",
			Because:   "after \",\" go goes on only after 404 and 410; after \"|\" it goes on after any error",
			Fix:       []string{"go env -w GOPROXY='{list}'", "go env -w GOPROXY='{rest}'   # leave the dead entry out: with \"|\" each request waits for it first"},
			Meaning:   "The fallback that the list seems to have does not exist for this kind of failure.",
			Proof:     "A failed connection to the entry, the separator in the GOPROXY list, and no packet to the next entry.",
			LookAlike: "tcp-refused, tcp-syn-dropped: there is no other module proxy to go on to.",
		},
	}
}
