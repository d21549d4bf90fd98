package trace

// Severities.
const (
	Error   = "error"
	Warning = "warning"
	Info    = "info"
)

// Confidences.
const (
	Certain  = "certain"
	Likely   = "likely"
	Possible = "possible"
)

// Finding is an opinion about the facts: a rule that matched, with what a
// reader can check. Rules fill Rule, Severity, Confidence, Hop, Args and
// Evidence; report/words makes the sentences from Rule and Args.
type Finding struct {
	Rule       string `json:"rule"`
	Severity   string `json:"severity"`
	Confidence string `json:"confidence"`
	// Hop names the link whose step broke: resolver, http-proxy:HOST,
	// goproxy:HOST, redirect:HOST, sumdb:HOST, vcs:HOST, toolchain:HOST,
	// other:HOST (asked by neither go nor git), config, route, host.
	Hop     string `json:"hop"`
	Summary string `json:"summary"`
	Because string `json:"because,omitempty"`
	// Args are the names and numbers that the sentences are made of.
	Args     map[string]string `json:"args,omitempty"`
	Evidence []Evidence        `json:"evidence"`
	Fix      []string          `json:"fix"`
	// At is when the fault showed, for the order of findings.
	At Time `json:"-"`
}

// Evidence is one thing a reader can check.
type Evidence struct {
	// Kind is frame, connection, request, lookup, process or config.
	Kind string `json:"kind"`
	// Ref is the id within its kind, or the setting's name.
	Ref    string `json:"ref,omitempty"`
	Frames []int  `json:"frames,omitempty"`
	Text   string `json:"text"`
}

// Losses are what the tracer itself failed to keep.
type Losses struct {
	Packets     uint64 `json:"packets"`
	Events      uint64 `json:"events"`
	MissedBytes uint64 `json:"missed_bytes"`
	// UnreadPackets were captured and could not be read: [Trace.NotSeen] says why.
	UnreadPackets uint64 `json:"unread_packets,omitempty"`
	// CutPackets and CutBytes were cut out of the recording by its size limit.
	CutPackets uint64 `json:"cut_packets,omitempty"`
	CutBytes   uint64 `json:"cut_bytes,omitempty"`
}

// Unlisted counts facts that were seen and are not listed, since a report holds
// so many of a kind only.
type Unlisted struct {
	Requests    int `json:"requests,omitempty"`
	Connections int `json:"connections,omitempty"`
	Lookups     int `json:"lookups,omitempty"`
	Processes   int `json:"processes,omitempty"`
}
