package words

// englishLoss is about packets that somebody between drops or makes.
func englishLoss() []Sentence {
	small := "GODEBUG=tlsmlkem=0 go mod download   # a ClientHello of one packet: if that works, this is it"
	return []Sentence{
		{
			Rule: "pq-hello-dropped", Title: "the large ClientHello does not arrive",
			Summary:   "{host}{place}{via} acknowledged all but {unacked} bytes of go's ClientHello ({bytes} bytes) and did not answer for {seconds} s{brief}; {again} segments were sent again",
			Because:   "with post-quantum keys go's ClientHello takes two packets, which some firewalls and load balancers can't put together; curl's and git's take one",
			Fix:       []string{small, "curl -sv -o /dev/null https://{endpoint}/   # works, with a smaller ClientHello", "report it to those who run the firewall or load balancer before {host}: TLS handshakes may span packets"},
			Meaning:   "TCP works, and one of the packets of the ClientHello is lost each time.",
			Proof:     "A ClientHello larger than a packet, sent again and never acknowledged whole.",
			LookAlike: "tls-silent-server: all of it was acknowledged. mtu-blackhole-client: what is small arrives.",
		},
		{
			Rule: "mtu-blackhole-client", Title: "packets of full size do not arrive",
			Summary:   "packets of full size do not reach {host}{place}{via}, small ones do: {unacked} bytes, the ClientHello ({bytes} bytes) among them, were sent again {again} times, and no answer came for {seconds} s{brief}",
			Because:   "a link on the way, often a VPN, carries less than 1500 bytes, and the ICMP message that would say so is filtered",
			Fix:       []string{"ping -M do -s 1472 -c 3 {ip}   # full size; then with 1300: where does it begin to work?", "ip link set dev eth0 mtu 1400   # the interface of the way there", "sysctl -w net.ipv4.tcp_mtu_probing=1", small},
			Meaning:   "The path has a smaller MTU than this machine believes.",
			Proof:     "The full segment sent again without an acknowledgment, and a selective acknowledgment of the small one after it.",
			LookAlike: "pq-hello-dropped: the small one is not acknowledged either.",
		},
		{
			Rule: "tcp-midstream-blackhole", Title: "the connection went dead",
			Summary:   "the connection to {host}{place}{via} went dead: {unacked} bytes, {url} among them, were not acknowledged in {seconds} s{brief}, though sent again",
			Because:   "a stateful box between, a NAT or a VPN, lost the connection without a word, or the route changed",
			Fix:       []string{"curl -sv -o /dev/null --max-time 60 {url}   # a new connection: does it work?", "timeout 120 go mod download   # go itself waits much longer", "ping -c 5 {ip}"},
			Meaning:   "It worked, and from some moment on nothing arrives.",
			Proof:     "Bytes received earlier, then segments sent again without any acknowledgment, neither FIN nor RST.",
			LookAlike: "hang-no-response: the peer acknowledges the request and does not answer.",
		},
		{
			Rule: "fw-reject-reset", Title: "somebody else refused the connection",
			Summary:   "the connection to {host} port {port} was refused by a RST with TTL {ttl}, while packets of that address come with TTL {own} on port {other}: a firewall answers in its place",
			Because:   "the TTL falls by one at each router, so a packet with another TTL comes from another place; firewalls reject by a RST in the host's name",
			Fix:       []string{"traceroute -T -p {port} {host}; traceroute -T -p {other} {host}   # where does each way end?", "ask for TCP port {port} to {ip} to be allowed", "export HTTPS_PROXY=http://PROXY:3128   # if the way out is a proxy"},
			Meaning:   "The refusal is a policy, not a service that is down.",
			Proof:     "The TTL of the RST, and that of packets of an accepted connection to the same address.",
			LookAlike: "tcp-refused: the TTLs agree, or are not known. fw-admin-prohibited: the firewall says so by ICMP.",
		},
	}
}
