package lab

// wayFaults lists the faults of the way to the module proxy: neighbours, routes
// and what routers say.
func wayFaults() []Fault {
	is := func(w Way) func(*Setup) { return func(s *Setup) { s.At(GoProxyHost).Way = w } }
	return []Fault{
		{Name: "arp-no-answer", Rule: "arp-no-answer", Hop: atRoute, About: "the module proxy's address is on the client's network and nobody has it",
			Setup: is(NoNeighbor), Says: "connect: no route to host", Proof: []string{"client: unreachable"}},
		{Name: "icmp-host-unreach", Rule: "icmp-host-unreach", Hop: atRoute, About: "a router says that it cannot reach the module proxy's host",
			Setup: is(Unreachable), Says: "connect: no route to host", Proof: []string{"servers: unreachable"}},
		{Name: "fw-admin-prohibited", Rule: "fw-admin-prohibited", Hop: atRoute, About: "a router says that policy forbids the way to the module proxy",
			Setup: is(Prohibited), Says: "connect: no route to host", Proof: []string{"servers: unreachable"}},
		{Name: "route-missing", Rule: "route-missing", Hop: atRoute, About: "the client has no route to the module proxy's network",
			Setup: is(NoRoute), Says: "connect: network is unreachable", Proof: []string{"client: no route"}},
	}
}
