package flow

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

// shake is a complete handshake, frames 1 to 3.
func shake() []seg {
	return []seg{
		{from: ToServer, flags: "S"},
		{from: ToClient, flags: "SA", ack: 1},
		{from: ToServer, flags: "A", seq: 1, ack: 1},
	}
}

func after(first []seg, more ...seg) []seg { return append(first, more...) }

// story is a conversation and all that is expected of it.
type story struct {
	name    string
	segs    []seg
	want    []string
	missed  [2]uint64
	overlap [2]int
	again   [2]int
	history string
	state   string
}

func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, tt := range stories {
		t.Run(tt.name, func(t *testing.T) {
			c, got := single(t, tt.segs)
			if diff := cmp.Diff(tt.want, got.lines); diff != "" {
				t.Errorf("stream (-want +got):\n%s", diff)
			}
			if c.Missed != tt.missed {
				t.Errorf("missed %v, want %v", c.Missed, tt.missed)
			}
			if c.Overlaps != tt.overlap {
				t.Errorf("overlaps %v, want %v", c.Overlaps, tt.overlap)
			}
			if c.Retransmits != tt.again {
				t.Errorf("retransmits %v, want %v", c.Retransmits, tt.again)
			}
			if c.History != tt.history || c.State != tt.state {
				t.Errorf("life %s %s, want %s %s", c.History, c.State, tt.history, tt.state)
			}
			if c.Client != client() || c.Server != server() {
				t.Errorf("client %s, server %s", c.Client, c.Server)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	tell(t, []story{{
		name: "request, answer, orderly close across the 32-bit wrap",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "a question of some length"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 26, data: "answer"},
			seg{from: ToServer, flags: "FA", seq: 26, ack: 7},
			seg{from: ToClient, flags: "FA", seq: 7, ack: 27},
			seg{from: ToServer, flags: "A", seq: 27, ack: 8}),
		want:    []string{"> a question of some length @4", "< answer @5", "> finished @6", "< finished @7"},
		history: "ShADdFf", state: "SF",
	}, {
		name: "out of order and overlapping: the first bytes win",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "DEF"},
			seg{from: ToServer, flags: "A", seq: 3, ack: 1, data: "cdefgh"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"}),
		want:    []string{"> ab @6", "> c @5", "> DEF @4", "> gh @5", "> open @6", "< open @6"},
		overlap: [2]int{1, 0},
		history: "ShAD", state: "S1",
	}, {
		name: "sent again, wholly and with new bytes",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToServer, flags: "A", seq: 2, ack: 1, data: "BCDE"}),
		want:  []string{"> abc @4", "> DE @6", "> open @6", "< open @6"},
		again: [2]int{2, 0}, overlap: [2]int{1, 0}, history: "ShADT", state: "S1",
	}, {
		name: "a hole filled at once is reordering, later it is a retransmission",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 2, ack: 1, data: "b"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "aa"},
			seg{from: ToServer, flags: "A", seq: 5, ack: 1, data: "ee"},
			seg{from: ToServer, flags: "A", seq: 3, ack: 1, data: "cd", after: 200 * time.Millisecond}),
		want:  []string{"> a @5", "> b @4", "> cd @7", "> ee @6", "> open @7", "< open @7"},
		again: [2]int{1, 0}, overlap: [2]int{1, 0}, history: "ShADT", state: "S1",
	}, {
		name: "keep-alives are no data",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToServer, flags: "A", seq: 3, ack: 1, data: "\x00", after: time.Minute},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4},
			seg{from: ToServer, flags: "A", seq: 3, ack: 1},
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "d"}),
		want:    []string{"> abc @4", "> d @8", "> open @8", "< open @8"},
		history: "ShADa", state: "S1",
	}, {
		name: "a zero window",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4, zero: true}),
		want:    []string{"> abc @4", "> open @5", "< open @5"},
		history: "ShADaw", state: "S1",
	}, {
		name: "a probe of a zero window, refused, and the bytes after it opened",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4, zero: true},
			seg{from: ToServer, flags: "A", seq: 3, ack: 1, after: time.Second},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4, zero: true},
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "d", after: time.Second},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4},
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "def", after: time.Second}),
		want:  []string{"> abc @4", "> d @8", "> ef @10", "> open @10", "< open @10"},
		again: [2]int{1, 0}, overlap: [2]int{1, 0}, history: "ShADawT", state: "S1",
	}, {
		name: "numbers far outside any window",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1 << 30, ack: 1, data: "x"},
			seg{from: ToServer, flags: "A", seq: 3 << 29, ack: 1, data: "y"},
			seg{from: ToServer, flags: "FA", seq: 3 << 29, ack: 1},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"}),
		want:   []string{"> abc @7", "> gap 1073741820 @4", "> x @4", "> open @7", "< open @7"},
		missed: [2]uint64{1<<30 - 4, 0}, history: "ShADF", state: "S2",
	}})
}

func TestGaps(t *testing.T) {
	tell(t, []story{{
		name: "a snapshot length cuts segments",
		segs: after(shake(),
			seg{from: ToClient, flags: "A", seq: 1, ack: 1, data: "head", more: 10},
			seg{from: ToClient, flags: "A", seq: 15, ack: 1, data: "tail"}),
		want:   []string{"< head @4", "< gap 10 @4", "< tail @5", "> open @5", "< open @5"},
		missed: [2]uint64{0, 10}, history: "ShAd", state: "S1",
	}, {
		name: "a lost segment that was acknowledged is a gap after a second",
		segs: after(shake(),
			seg{from: ToClient, flags: "A", seq: 4, ack: 1, data: "def"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 7},
			seg{from: ToServer, flags: "A", seq: 1, ack: 7, after: time.Second},
			seg{from: ToClient, flags: "A", seq: 7, ack: 1, data: "ghi"}),
		want:   []string{"< gap 3 @4", "< def @4", "< ghi @7", "> open @7", "< open @7"},
		missed: [2]uint64{0, 3}, history: "ShAdg", state: "S1",
	}, {
		name: "a hole is a gap before the answer to the bytes behind it",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "def"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 7, data: "yes", after: 10 * time.Millisecond}),
		want:   []string{"> gap 3 @4", "> def @4", "< yes @5", "> open @5", "< open @5"},
		missed: [2]uint64{3, 0}, history: "ShADdG", state: "S1",
	}, {
		name: "a capture out of order for a moment has no hole",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "def"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 7, data: "yes"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"}),
		want:    []string{"< yes @5", "> abc @6", "> def @4", "> open @6", "< open @6"},
		history: "ShADd", state: "S1",
	}, {
		name: "a hole that was not acknowledged will be filled",
		segs: after(shake(),
			seg{from: ToClient, flags: "A", seq: 4, ack: 1, data: "def"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, after: time.Minute},
			seg{from: ToClient, flags: "A", seq: 1, ack: 1, data: "abc", after: time.Minute}),
		want:  []string{"< abc @6", "< def @4", "> open @6", "< open @6"},
		again: [2]int{0, 1}, history: "ShAdt", state: "S1",
	}, {
		name: "only the server's side was captured",
		segs: []seg{
			{from: ToClient, flags: "A", seq: 1, ack: 10, data: "abc"},
			{from: ToClient, flags: "A", seq: 7, ack: 10, data: "ghi"},
			{from: ToClient, flags: "A", seq: 10, ack: 10, data: "jkl", after: 2 * time.Second},
		},
		want:   []string{"< abc @1", "< gap 3 @2", "< ghi @2", "< jkl @3", "> open @3", "< open @3"},
		missed: [2]uint64{0, 3}, history: "^dg", state: "OTH",
	}, {
		name: "what the peer acknowledged and nobody saw is missing at the end",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 101, data: "x"}),
		want:   []string{"> abc @4", "< x @5", "> gap 97 @5", "> open @5", "< open @5"},
		missed: [2]uint64{97, 0}, history: "ShADd", state: "S1",
	}, {
		name: "a hole of which the first part was acknowledged",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 6, ack: 1, data: "fgh"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4, after: time.Second},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abcde", after: time.Second}),
		want:   []string{"> gap 3 @4", "> de @7", "> fgh @4", "> open @7", "< open @7"},
		missed: [2]uint64{3, 0}, again: [2]int{1, 0}, history: "ShADaGT", state: "S1",
	}})
}

func TestBeginnings(t *testing.T) {
	tell(t, []story{{
		name: "the capture begins in mid-connection",
		segs: []seg{
			{from: ToClient, flags: "A", seq: 100, ack: 50, data: "tail of something"},
			{from: ToServer, flags: "A", seq: 50, ack: 117},
			{from: ToServer, flags: "FA", seq: 50, ack: 117, data: "bye"},
			{from: ToClient, flags: "FA", seq: 117, ack: 54},
		},
		want:    []string{"< tail of something @1", "> bye @3", "> finished @3", "< finished @4"},
		history: "^dAFf", state: "SF",
	}, {
		name: "the capture begins with a keep-alive",
		segs: []seg{
			{from: ToServer, flags: "A", seq: 50, ack: 100},
			{from: ToClient, flags: "A", seq: 100, ack: 51},
			{from: ToServer, flags: "A", seq: 51, ack: 100, data: "question"},
			{from: ToClient, flags: "A", seq: 100, ack: 59, data: "answer"},
		},
		want:    []string{"> question @3", "< answer @4", "> open @4", "< open @4"},
		history: "AaDd", state: "OTH",
	}, {
		name:    "refused",
		segs:    []seg{{from: ToServer, flags: "S"}, {from: ToClient, flags: "RA", ack: 1}},
		want:    []string{"> reset @2", "< reset @2"},
		history: "Sr", state: "REJ",
	}, {
		name: "no answer",
		segs: []seg{
			{from: ToServer, flags: "S"}, {from: ToServer, flags: "S", after: time.Second},
			{from: ToServer, flags: "S", after: time.Second},
		},
		want:  []string{"> open @3", "< open @3"},
		again: [2]int{2, 0}, history: "S", state: "S0",
	}, {
		name: "the SYN-ACK was not captured, the first bytes of the server neither",
		segs: []seg{
			{from: ToServer, flags: "S"},
			{from: ToServer, flags: "A", seq: 1, ack: 1, data: "hi"},
			{from: ToClient, flags: "A", seq: 4, ack: 3, data: "lo"},
			{from: ToServer, flags: "A", seq: 3, ack: 6},
			{from: ToServer, flags: "A", seq: 3, ack: 6, after: time.Second},
		},
		want:   []string{"> hi @2", "< gap 3 @3", "< lo @3", "> open @5", "< open @5"},
		missed: [2]uint64{0, 3}, history: "SDdAg", state: "OTH",
	}, {
		name: "data with the SYN",
		segs: []seg{
			{from: ToServer, flags: "S", data: "early"},
			{from: ToClient, flags: "SA", ack: 6},
			{from: ToServer, flags: "A", seq: 6, ack: 1, data: "more"},
		},
		want:    []string{"> early @1", "> more @3", "> open @3", "< open @3"},
		history: "ShD", state: "S1",
	}, {
		name: "the SYN-ACK was captured ahead of the SYN",
		segs: []seg{
			{from: ToClient, flags: "SA", ack: 1}, {from: ToServer, flags: "S"},
			{from: ToServer, flags: "A", seq: 1, ack: 1, data: "hi"},
		},
		want:    []string{"> hi @3", "> open @3", "< open @3"},
		history: "^hSD", state: "S1",
	}})
}

func TestEndings(t *testing.T) {
	tell(t, []story{{
		name: "the FIN waits for the bytes before it",
		segs: after(shake(),
			seg{from: ToClient, flags: "FA", seq: 4, ack: 1, data: "def"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 1, data: "abc"}),
		want:    []string{"< abc @5", "< def @4", "< finished @4", "> open @5"},
		history: "ShAfd", state: "S3",
	}, {
		name: "a RST flushes what is held",
		segs: after(shake(),
			seg{from: ToClient, flags: "A", seq: 4, ack: 1, data: "def"},
			seg{from: ToServer, flags: "RA", seq: 1, ack: 1},
			seg{from: ToClient, flags: "A", seq: 1, ack: 1, data: "abc"}),
		want:   []string{"< gap 3 @4", "< def @4", "> reset @5", "< reset @5"},
		missed: [2]uint64{0, 3}, history: "ShAdR", state: "RSTO",
	}, {
		name: "a RST outside the window is not obeyed",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 4},
			seg{from: ToServer, flags: "R", seq: 1},
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "def"}),
		want:    []string{"> abc @4", "> def @7", "> open @7", "< open @7"},
		history: "ShADaR", state: "RSTO",
	}, {
		name: "a RST whose sender goes on and is answered was not obeyed",
		segs: after(shake(),
			seg{from: ToServer, flags: "RA", seq: 1, ack: 1},
			seg{from: ToServer, flags: "A", seq: 4, ack: 1, data: "def"},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 7, data: "yes"},
			seg{from: ToClient, flags: "FA", seq: 4, ack: 7},
			seg{from: ToServer, flags: "FA", seq: 7, ack: 5}),
		want:    []string{"> abc @6", "> def @5", "< yes @7", "< finished @8", "> finished @9"},
		history: "ShARDdfF", state: "RSTO",
	}, {
		name: "bytes after a RST that nobody acknowledges were not received",
		segs: after(shake(),
			seg{from: ToServer, flags: "RA", seq: 1, ack: 1},
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToClient, flags: "A", seq: 1, ack: 1, data: "late"},
			seg{from: ToClient, flags: "R", seq: 1}),
		want:    []string{"> reset @4", "< reset @4"},
		history: "ShARDdr", state: "REJ",
	}, {
		name: "sent again after the end",
		segs: after(shake(),
			seg{from: ToServer, flags: "FA", seq: 1, ack: 1, data: "abc"},
			seg{from: ToServer, flags: "FA", seq: 1, ack: 1, data: "abc", after: time.Second}),
		want:  []string{"> abc @4", "> finished @4", "< open @5"},
		again: [2]int{1, 0}, history: "ShAFT", state: "S2",
	}, {
		name: "a FIN behind a hole that is never filled",
		segs: after(shake(),
			seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
			seg{from: ToServer, flags: "FA", seq: 9, ack: 1}),
		want:   []string{"> abc @4", "> gap 5 @5", "> finished @5", "< open @5"},
		missed: [2]uint64{5, 0}, history: "ShADF", state: "S2",
	}})
}

// sacked adds the options NOP, NOP and SACK (RFC 2018, section 3) to a segment
// without payload of the client: the server's bytes from left up to right came.
func sacked(p *capture.Packet, left, right uint32) *capture.Packet {
	option := []byte{1, 1, 5, 10}
	option = binary.BigEndian.AppendUint32(option, isnServer+left)
	option = binary.BigEndian.AppendUint32(option, isnServer+right)
	p.Data = append(p.Data, option...)
	p.Length = len(p.Data)
	binary.BigEndian.PutUint16(p.Data[2:], uint16(len(p.Data)))
	p.Data[20+12] = 8 << 4
	return p
}

// A selective acknowledgment tells of bytes behind a hole that is still to be
// filled: it is no gap until the acknowledgment itself passes it.
func TestSelectiveAcknowledgment(t *testing.T) {
	ps := packets(after(shake(),
		seg{from: ToClient, flags: "A", seq: 4, ack: 1, data: "def"},
		seg{from: ToServer, flags: "A", seq: 1, ack: 1},
		seg{from: ToServer, flags: "A", seq: 1, ack: 1, after: 2 * time.Second},
		seg{from: ToClient, flags: "A", seq: 1, ack: 1, data: "abc"},
		seg{from: ToServer, flags: "A", seq: 1, ack: 7}))
	sacked(ps[4], 4, 7)
	sacked(ps[5], 4, 7)
	r := follow(ps)
	want := []string{"< abc @7", "< def @4", "> open @8", "< open @8"}
	if diff := cmp.Diff(want, r.streams[0].lines); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	if c := r.conns[0]; c.Missed != [2]uint64{} || c.Retransmits != [2]int{0, 1} {
		t.Errorf("missed %v, sent again %v", c.Missed, c.Retransmits)
	}
}
