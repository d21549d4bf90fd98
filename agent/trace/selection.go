package trace

// Selection says that a report shows a part of the facts only, and of how many.
// The verdict, the hops and the counts are then about that part; findings are
// those of the whole, as far as what is shown proves them.
type Selection struct {
	// Host is the name or address that every fact has to do with.
	Host string `json:"host,omitempty"`
	// Connection is the [Connection.ID] that every fact belongs to.
	Connection int `json:"connection,omitempty"`
	// Since and Until bound the time at which something of a fact was going on.
	Since Time `json:"since,omitzero"`
	Until Time `json:"until,omitzero"`
	// Of counts the facts of the whole.
	Of Totals `json:"of"`
}

// Totals counts facts by kind.
type Totals struct {
	Lookups     int `json:"lookups"`
	Connections int `json:"connections"`
	Requests    int `json:"requests"`
	Findings    int `json:"findings"`
}
