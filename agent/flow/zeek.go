package flow

import "bytes"

// The life of a connection in the words of Zeek's conn.log, conn_state and
// history (https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html).
// Zeek's originator is the client here, its responder the server. Checksums
// are not verified, so there is no letter c.

// endpoint is what one side of a connection has done so far.
type endpoint uint8

const (
	inactive    endpoint = iota
	synSent              // sent a SYN
	synAckSent           // the client sent a SYN-ACK
	partial              // was first seen in mid-connection
	established          // its SYN was answered, or answers one
	closed               // sent a FIN
	reset                // sent a RST
)

// maxHistory bounds a history: some letters may repeat without end.
const maxHistory = 64

// life is the Zeek state of a connection.
type life struct {
	now, last [2]endpoint
	history   [maxHistory]byte
	length    int
	// once holds the letters that each side has, bit 0 for 'A'.
	once [2]uint32
	// seq is the number of the last SYN, FIN and RST of each side: they are
	// written again only if it differs.
	seq [2][3]uint32
	// counts of g, t and w, which are written at the 1st, 10th, 100th, ... time.
	counts [2][3]uint32
}

// write appends a letter, lower case for the server's.
func (l *life) write(d Dir, letter byte) {
	if l.length == maxHistory {
		return
	}
	l.once[d] |= 1 << (letter - 'A')
	if d == ToClient {
		letter += 'a' - 'A'
	}
	l.history[l.length] = letter
	l.length++
}

// flipped notes that the sender of the first packet is not the client.
func (l *life) flipped() {
	l.history[l.length] = '^'
	l.length++
}

// first writes a letter unless that side has it.
func (l *life) first(d Dir, letter byte) {
	if l.once[d]&(1<<(letter-'A')) == 0 {
		l.write(d, letter)
	}
}

// Indexes of life.seq and life.counts.
const (
	lastSYN, lastFIN, lastRST              = 0, 1, 2
	countGap, countRetransmit, countWindow = 0, 1, 2
)

// numbered writes a letter again whenever its sequence number changes.
func (l *life) numbered(d Dir, letter byte, kind int, seq uint32) {
	if l.once[d]&(1<<(letter-'A')) == 0 || l.seq[d][kind] != seq {
		l.write(d, letter)
	}
	l.seq[d][kind] = seq
}

// counted writes a letter at every power of ten of its count.
func (l *life) counted(d Dir, letter byte, kind int) {
	l.counts[d][kind]++
	n := l.counts[d][kind]
	for n%10 == 0 && n > 0 {
		n /= 10
	}
	if n == 1 {
		l.write(d, letter)
	}
}

// segment adds a segment of side d to history and state.
func (l *life) segment(d Dir, s *segment) {
	l.letters(d, s)
	if s.window == 0 && !s.has(flagRST) && l.now[d.Opposite()] != closed && l.now[d] != reset {
		l.counted(d, 'W', countWindow)
	}
	l.advance(d, s)
}

func (l *life) letters(d Dir, s *segment) {
	switch s.flags & (flagSYN | flagFIN | flagRST) {
	case 0:
		if s.length > 0 {
			l.first(d, 'D')
		} else if s.has(flagACK) {
			l.first(d, 'A')
		}
	case flagSYN:
		letter := byte('S')
		if s.has(flagACK) {
			letter = 'H'
		}
		l.numbered(d, letter, lastSYN, s.seq)
	case flagFIN:
		l.numbered(d, 'F', lastFIN, s.seq+uint32(s.length))
	case flagRST:
		l.numbered(d, 'R', lastRST, s.seq)
	case flagFIN | flagRST:
		l.first(d, 'I')
	default:
		l.first(d, 'Q')
	}
}

func (l *life) set(d Dir, e endpoint) { l.last[d], l.now[d] = l.now[d], e }

// advance moves the state of side d on.
func (l *life) advance(d Dir, s *segment) {
	switch l.now[d] {
	case inactive:
		l.begin(d, s)
	case synSent, synAckSent, partial, established:
		l.proceed(d, s)
	case closed:
		// A RST behind the FINs of both sides changes nothing.
		if s.has(flagRST) && l.now[d.Opposite()] != closed {
			l.set(d, reset)
		}
	}
}

// begin is the first segment of a side.
func (l *life) begin(d Dir, s *segment) {
	peer := d.Opposite()
	if s.has(flagSYN) {
		switch {
		case d == ToClient:
			if l.now[peer] == synSent {
				l.set(peer, established)
			}
			l.set(d, established)
		case s.has(flagACK):
			l.set(d, synAckSent)
		case l.now[peer] == established: // the SYN was captured after its answer
			l.set(d, established)
		default:
			l.set(d, synSent)
		}
	}
	if s.has(flagFIN) {
		l.set(d, closed)
	}
	if s.has(flagRST) {
		l.set(d, reset)
	}
	if l.now[d] == inactive {
		l.join(d, s)
	}
}

// join is a first segment without SYN, FIN and RST.
func (l *life) join(d Dir, s *segment) {
	peer := d.Opposite()
	switch {
	case d == ToClient && s.length == 0 && l.now[peer] == synSent:
		// An acknowledgment ahead of the SYN-ACK is no beginning.
	case s.has(flagACK) && l.now[peer] == established:
		l.set(d, established)
	default:
		l.set(d, partial)
	}
}

// proceed is a later segment of a side that has not ended.
func (l *life) proceed(d Dir, s *segment) {
	peer := d.Opposite()
	if s.has(flagSYN) && !s.has(flagACK) && l.now[d] == partial && l.now[peer] == inactive {
		l.set(d, synSent)
	}
	if s.has(flagFIN) && !s.has(flagRST) {
		l.set(d, closed)
		if l.now[peer] == reset && l.last[peer] == closed {
			l.set(peer, closed) // FIN, RST, and then the peer's FIN: an ordinary end
		}
	}
	if s.has(flagRST) {
		l.set(d, reset)
	}
}

// state is Zeek's conn_state; empty tells whether no payload was seen.
func (l *life) state(empty bool) string {
	client, server := l.now[ToServer], l.now[ToClient]
	switch {
	case server == reset:
		return l.serverReset(client, empty)
	case client == reset:
		return l.clientReset(server)
	case client == closed && server == closed:
		return "SF"
	case client == closed:
		return pick(unheard(server), "SH", "S2")
	case server == closed:
		return pick(unheard(client), "SHR", "S3")
	case client == synSent && server == inactive:
		return "S0"
	case client == established && server == established:
		return "S1"
	}
	return "OTH"
}

// unheard tells whether a side never took part in a handshake.
func unheard(e endpoint) bool { return e == inactive || e == partial }

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func (l *life) serverReset(client endpoint, empty bool) string {
	switch {
	case client == synSent, client == synAckSent, client == reset && empty:
		return "REJ"
	case unheard(client):
		return "RSTRH"
	}
	return "RSTR"
}

func (l *life) clientReset(server endpoint) string {
	if !unheard(server) {
		return "RSTO"
	}
	return pick(l.onlySYNs(), "RSTOS0", "OTH")
}

// onlySYNs tells whether nothing that counts came between the client's SYN and
// its RST.
func (l *life) onlySYNs() bool {
	h := bytes.TrimPrefix(l.history[:l.length], []byte("^"))
	r := bytes.IndexByte(h, 'R')
	return r > 0 && h[0] == 'S' && !bytes.ContainsAny(h[1:r], "HAFGIQ")
}
