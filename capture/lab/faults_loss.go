package lab

import "time"

// lossFaults lists packets that somebody between drops or makes.
func lossFaults() []Fault {
	handshake := 12 * time.Second // the go command's limit for TLS is ten
	return []Fault{
		{Name: "pq-hello-dropped", Rule: "pq-hello-dropped", Hop: atGoProxy, About: "the second packet of go's large ClientHello is dropped",
			Setup: func(s *Setup) { s.SmallPackets, s.At(GoProxyHost).Filter = true, DropBetween(60, 600) },
			Says:  "TLS handshake timeout", Proof: []string{GoProxyHost + ": packet dropped"}, Patience: handshake},
		{Name: "mtu-blackhole-client", Rule: "mtu-blackhole-client", Hop: atGoProxy, About: "packets of full size vanish on the way to the module proxy, small ones arrive",
			Setup: func(s *Setup) { s.SmallPackets, s.At(GoProxyHost).Filter = true, DropLonger(1300) },
			Says:  "TLS handshake timeout", Proof: []string{GoProxyHost + ": packet dropped"}, Patience: handshake},
		{Name: "tcp-midstream-blackhole", Rule: "tcp-midstream-blackhole", Hop: atGoProxy, About: "after the first answers nothing arrives any more",
			Setup: func(s *Setup) { s.At(GoProxyHost).Answer = Vanish() }, Proof: []string{GoProxyHost + ": 200"}, Patience: 7 * time.Second},
		{Name: "fw-reject-reset", Rule: "fw-reject-reset", Hop: atGoProxy, About: "a firewall near the client answers for the module proxy with RST on all ports but 80",
			Setup: func(s *Setup) {
				s.GOPROXY = "http://" + GoProxyHost + "|https://" + GoProxyHost + ":8443"
				s.At(GoProxyHost).TTL, s.At(GoProxyHost).Answer = 57, Status(404)
			}, Says: "connect: connection refused", Proof: []string{GoProxyHost + ": 404", "servers: RST"}},
	}
}
