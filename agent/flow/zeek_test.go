package flow

import "testing"

func TestStates(t *testing.T) {
	c, s := ToServer, ToClient
	syn, synAck := seg{from: c, flags: "S"}, seg{from: s, flags: "SA", ack: 1}
	for _, tt := range []struct {
		name, state, history string
		segs                 []seg
	}{
		{"attempt", "S0", "S", []seg{syn}},
		{"rejected", "REJ", "Sr", []seg{syn, {from: s, flags: "RA", ack: 1}}},
		{"established", "S1", "Sh", []seg{syn, synAck}},
		{"client closes", "S2", "ShAF", after(shake(), seg{from: c, flags: "FA", seq: 1, ack: 1})},
		{"server closes", "S3", "ShAf", after(shake(), seg{from: s, flags: "FA", seq: 1, ack: 1})},
		{"client aborts", "RSTO", "ShAR", after(shake(), seg{from: c, flags: "RA", seq: 1, ack: 1})},
		{"server aborts", "RSTR", "ShAr", after(shake(), seg{from: s, flags: "RA", seq: 1, ack: 1})},
		{"client gives up", "RSTOS0", "SR", []seg{syn, {from: c, flags: "R", seq: 1}}},
		{"half-open scan", "SH", "SF", []seg{syn, {from: c, flags: "FA", seq: 1, ack: 1}}},
		{"answer and abort, SYN not seen", "RSTRH", "^hr", []seg{synAck, {from: s, flags: "RA", seq: 1, ack: 1}}},
		{"answer and close, SYN not seen", "SHR", "^hf", []seg{synAck, {from: s, flags: "FA", seq: 1, ack: 1}}},
		{"answer, SYN not seen, goes on", "S1", "^hA", []seg{synAck, {from: c, flags: "A", seq: 1, ack: 1}}},
		{"mid-connection", "OTH", "AD", []seg{{from: c, flags: "A", seq: 1, ack: 1}, {from: c, flags: "A", seq: 1, ack: 1, data: "x"}}},
		{"mid-connection, then RST", "OTH", "DR", []seg{{from: c, flags: "A", seq: 1, ack: 1, data: "x"}, {from: c, flags: "R", seq: 2}}},
		{"RST after both FINs", "SF", "ShAFfR", after(shake(),
			seg{from: c, flags: "FA", seq: 1, ack: 1}, seg{from: s, flags: "FA", seq: 1, ack: 2}, seg{from: c, flags: "R", seq: 2})},
		{"RST after own FIN, then the peer's", "SF", "ShAFRf", after(shake(),
			seg{from: c, flags: "FA", seq: 1, ack: 1}, seg{from: c, flags: "R", seq: 2}, seg{from: s, flags: "FA", seq: 1, ack: 2})},
		{"both abort before any data", "REJ", "ShARr", after(shake(),
			seg{from: c, flags: "RA", seq: 1, ack: 1}, seg{from: s, flags: "RA", seq: 1, ack: 1})},
		{"FIN with RST", "RSTO", "ShAI", after(shake(), seg{from: c, flags: "FRA", seq: 1, ack: 1})},
		{"SYN with FIN", "SH", "Q", []seg{{from: c, flags: "SF"}}},
		{"FINs with different numbers", "S2", "ShAFF", after(shake(),
			seg{from: c, flags: "FA", seq: 1, ack: 1}, seg{from: c, flags: "FA", seq: 1, ack: 1}, seg{from: c, flags: "FA", seq: 5, ack: 1})},
		{"acknowledged ahead of the SYN-ACK", "S1", "Sah", []seg{syn, {from: s, flags: "A", ack: 1}, synAck}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := single(t, tt.segs)
			if got.State != tt.state || got.History != tt.history {
				t.Errorf("%s %s, want %s %s", got.State, got.History, tt.state, tt.history)
			}
		})
	}
}

func TestCountedLetters(t *testing.T) {
	segs := shake()
	for range 123 {
		segs = append(segs, seg{from: ToClient, flags: "A", seq: 1, ack: 1, zero: true})
	}
	if c, _ := single(t, segs); c.History != "ShAawww" {
		t.Errorf("history %s, want one w for the 1st, 10th and 100th zero window", c.History)
	}
}
