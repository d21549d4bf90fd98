package lab

import "time"

// sumFaults lists the faults of the checksum database.
func sumFaults() []Fault {
	return []Fault{
		{Name: "sumdb-unreachable", Rule: "sumdb-unreachable", Hop: atSumDB, About: "the module proxy does not relay the checksum database, which itself is not reachable",
			Setup: func(s *Setup) { s.NoSumDBRelay, s.At(SumDBHost).Port = true, Closed },
			Says:  `Get "https://sum.test/lookup/`, Proof: []string{"servers: RST", GoProxyHost + ": 404"}},
		{Name: "sumdb-relay-broken", Rule: "sumdb-relay-broken", Hop: atGoProxy, About: "the module proxy answers 403 when asked for the checksum database",
			Setup: func(s *Setup) { s.At(GoProxyHost).Answer = OnPath("/sumdb/", Status(403)) },
			Says:  "/supported: 403 Forbidden", Proof: []string{GoProxyHost + ": 403"}},
		{Name: "sumdb-html", Rule: "sumdb-html", Hop: atGoProxy, About: "a portal's page with status 200 in place of the checksum database's answer",
			Setup: func(s *Setup) { s.At(GoProxyHost).Answer = OnPath("/sumdb/", Page("text/html", portal)) },
			Says:  "malformed record data", Proof: fetched()},
		{Name: "sumdb-404-private", Rule: "sumdb-404-private", Hop: atSumDB, About: "the checksum database does not know the module",
			Setup: func(s *Setup) { s.GOSUMDBWithURL, s.At(SumDBHost).Answer = true, OnPath("/lookup/", Status(404)) },
			Says:  "404 Not Found", Proof: []string{SumDBHost + ": 404"}},
		{Name: "sumdb-hang", Rule: "sumdb-hang", Hop: atSumDB, About: "the checksum database never answers",
			Setup: func(s *Setup) { s.GOSUMDBWithURL, s.At(SumDBHost).Answer = true, Silence() },
			Proof: []string{SumDBHost + ": unanswered"}, Patience: 7 * time.Second},
	}
}
