package lab

// variants lists other shapes of faults that stand above: another place, time
// or status, behind a proxy. They show that a rule fits more than its recording.
func variants() []Fault {
	return []Fault{
		{Name: "route-missing-at-router", Rule: "route-missing", Hop: atRoute, About: "a router on the way has no route to the module proxy's network",
			Setup: func(s *Setup) { s.At(GoProxyHost).Way = RouterLost }, Says: "connect: network is unreachable", Proof: []string{"servers: unreachable"}},
		{Name: "fw-admin-prohibited-proxy", Rule: "fw-admin-prohibited", Hop: atRoute, About: "a router says that policy forbids the way to the HTTP proxy",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Way = HTTPProxy, Prohibited },
			Says:  "proxyconnect tcp: dial tcp 10.78.0.3:3128: connect: no route to host", Proof: []string{"servers: unreachable"}},
		{Name: "arp-no-answer-cdn", Rule: "redirect-cdn-blocked", Hop: atCDN, About: "the address of the host that zips redirect to is on the client's network and nobody has it",
			Setup: func(s *Setup) { s.At(CDNHost).Way = NoNeighbor }, Says: "connect: no route to host", Proof: []string{"client: unreachable", GoProxyHost + ": 302"}},
	}
}
