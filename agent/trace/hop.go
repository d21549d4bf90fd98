package trace

// Hop is one link of the way from the command to the module, in the order in
// which the command met it.
type Hop struct {
	// Name is as in [Finding.Hop]: resolver, http-proxy:HOST, goproxy:HOST, ...
	Name string `json:"hop"`
	// Address is the address that was talked to, ip:port.
	Address string `json:"address,omitempty"`
	// Upstream are the servers, ip:port, that the resolver on this host at Address
	// passed questions of the command on to.
	Upstream []string `json:"upstream,omitempty"`
	// State is ok, slow, failed or hung.
	State string `json:"state"`
	// Lookups, Connections and Requests were made at this hop.
	Lookups     int `json:"lookups,omitempty"`
	Connections int `json:"connections,omitempty"`
	Requests    int `json:"requests,omitempty"`
	// Statuses counts the answers by status.
	Statuses map[int]int `json:"statuses,omitempty"`
	// Slowest is the longest single step at this hop.
	Slowest Millis `json:"slowest_ms"`
	// Protocol names what was agreed, e.g. "TLS 1.3, HTTP/2.0".
	Protocol string `json:"protocol,omitempty"`
}
