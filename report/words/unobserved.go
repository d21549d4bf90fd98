package words

// Unseen is a fault of the project's catalogue that no rule finds.
type Unseen struct {
	Fault string
	// Why says what would have to be seen, and why it is not.
	Why string
}

// Unobserved lists the faults that no rule finds.
func Unobserved(lang string) []Unseen {
	switch lang {
	default:
		return englishUnobserved()
	}
}

func englishUnobserved() []Unseen {
	return []Unseen{
		{"alpn-stripped", "a server that speaks HTTP/1.1 only looks the same; that the origin has HTTP/2 would have to be known from another network"},
		{"cache-lock-held", "a wait for a lock of the module cache is a flock(2) of go, which is not traced; the report says that the network was not used"},
		{"conntrack-full", "the counters of a connection table that drops new connections are on the router; here its SYNs look like any that are dropped (tcp-syn-dropped)"},
		{"dns-nss-only-name", "that another program resolves a name in ways that go does not have is seen only if one does so beside it"},
		{"fd-exhausted", "socket(2) fails before there is a socket, and that call is not traced"},
		{"git-shallow-fallback", "git says neither on the wire nor by its exit code why a shallow fetch was given up; how long the second one took stands in the list of requests"},
		{"header-too-big", "ten megabytes of headers are beyond what is kept of an answer"},
		{"http-repo-not-proxied", "git's failure is told as what it is, a name or an address that can't be reached directly (dns-nxdomain, tcp-syn-dropped)"},
		{"insecure-fallback-slow", "the failed TLS handshake is told as what it is (tls-silent-server); five seconds are below what is called slow"},
		{"keepalive-race", "go repeats the request by itself, and nothing is lost"},
		{"mtu-blackhole-server", "what the server sent and what did not arrive leaves no trace on this side; the silence is told (tls-silent-server)"},
		{"sni-filter-split-sensitive", "a second attempt with another ClientHello would have to be seen; until then it is sni-reset or pq-hello-dropped"},
		{"ssh-hostkey", "what ssh refuses is inside its encryption, and the reason in its own output"},
		{"ssh-prompt", "a prompt of ssh is on the terminal, not on the wire"},
		{"sumdb-tree-fork", "go compares the database's tree with the one that it keeps on disk, which is not read"},
		{"tcp-v6-blackhole", "go tries IPv4 after 0.3 s, which is below what is called slow; where there is no IPv4, it is tcp-syn-dropped"},
		{"transparent-redirect", "on this host it is a fact, not a fault (reached beside the dialled address of a connection, environment.transparent); on the way it shows by its certificate (tls-intercepted), its answer or its TTL (fw-reject-reset)"},
		{"zip-corrupted", "the bodies of zips are counted and hashed, not kept; whether one is damaged only go can tell"},
	}
}
