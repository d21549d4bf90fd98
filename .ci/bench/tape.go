//go:build linux

package main

import (
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// tape writes what connections carried as the packets of an Ethernet.
type tape struct {
	mu    sync.Mutex
	w     *pcapgo.NgWriter
	clock time.Time
	// dialect is told by the client's address.
	dialect int
	err     error
}

// The sizes of a packet, in bytes. The TCP header has the timestamps option,
// as that of every Linux host.
const (
	ethernetHeader = 14
	ipHeader       = 20
	tcpHeader      = 32
	packetHeaders  = ethernetHeader + ipHeader + tcpHeader
	segmentSize    = 1500 - ipHeader - tcpHeader
	// wireTime is how long 1500 bytes take at 1 Gbit/s.
	wireTime = 12 * time.Microsecond
)

// newTape begins a section of a capture file.
func newTape(f *os.File, dialect int) (*tape, error) {
	w, err := pcapgo.NewNgWriter(f, layers.LinkTypeEthernet)
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(dialect) * time.Hour)
	return &tape{w: w, clock: clock, dialect: dialect}, err
}

func (t *tape) close() error {
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

// The ends of a connection, and TCP flags (RFC 9293, section 3.1).
const (
	fromClient, fromServer             = 0, 1
	flagFIN, flagSYN, flagPSH, flagACK = 0x01, 0x02, 0x08, 0x10
)

// wire is the client's end of a connection that is taped.
type wire struct {
	net.Conn
	tape   *tape
	number int
	// next are the sequence numbers of both ends.
	next [2]uint32
	// heard are bytes of the server that do not fill a packet yet.
	heard []byte
	// unacked counts the packets of the server since the client's last.
	unacked int
	closed  bool
}

// wire tapes a connection; number makes its port.
func (t *tape) wire(c net.Conn, number int) net.Conn {
	w := &wire{Conn: c, tape: t, number: number, next: [2]uint32{1000, 2000}}
	t.mu.Lock()
	defer t.mu.Unlock()
	w.packet(fromClient, flagSYN, nil)
	w.packet(fromServer, flagSYN|flagACK, nil)
	w.packet(fromClient, flagACK, nil)
	return w
}

// Read implements [net.Conn].
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.tape.mu.Lock()
	defer w.tape.mu.Unlock()
	w.heard = append(w.heard, b[:n]...)
	rest := w.heard
	for ; len(rest) >= segmentSize; rest = rest[segmentSize:] {
		w.packet(fromServer, flagACK, rest[:segmentSize])
		if w.unacked == 2 { // RFC 9293, section 3.8.6.3
			w.packet(fromClient, flagACK, nil)
		}
	}
	w.heard = append(w.heard[:0], rest...)
	return n, err
}

// Write implements [net.Conn]. What the server said before is taped before.
func (w *wire) Write(b []byte) (int, error) {
	w.tape.mu.Lock()
	w.flush()
	for rest := b; len(rest) > 0; {
		n := min(len(rest), segmentSize)
		w.packet(fromClient, flagPSH|flagACK, rest[:n])
		rest = rest[n:]
	}
	w.tape.mu.Unlock()
	return w.Conn.Write(b)
}

// Close implements [net.Conn].
func (w *wire) Close() error {
	w.tape.mu.Lock()
	if w.flush(); !w.closed {
		w.closed = true
		w.packet(fromClient, flagFIN|flagACK, nil)
		w.packet(fromServer, flagFIN|flagACK, nil)
		w.packet(fromClient, flagACK, nil)
	}
	w.tape.mu.Unlock()
	return w.Conn.Close()
}

// flush tapes the end of what the server said.
func (w *wire) flush() {
	if len(w.heard) > 0 {
		w.packet(fromServer, flagPSH|flagACK, w.heard)
		w.heard = w.heard[:0]
	}
}

// packet tapes one packet.
func (w *wire) packet(from int, flags byte, payload []byte) {
	if w.closed && len(payload) > 0 { // nobody would send it
		return
	}
	b := make([]byte, packetHeaders, packetHeaders+len(payload))
	b[5], b[11] = byte(1+from), byte(2-from) // MAC addresses
	binary.BigEndian.PutUint16(b[12:], uint16(layers.EthernetTypeIPv4))
	w.headers(b[ethernetHeader:], from, flags, len(payload))
	if w.next[from] += uint32(len(payload)); flags&(flagSYN|flagFIN) != 0 {
		w.next[from]++
	}
	if w.unacked++; from == fromClient {
		w.unacked = 0
	}
	t := w.tape
	t.clock = t.clock.Add(wireTime)
	b = append(b, payload...)
	err := t.w.WritePacket(gopacket.CaptureInfo{Timestamp: t.clock, CaptureLength: len(b), Length: len(b)}, b)
	if err != nil && t.err == nil {
		t.err = err
	}
}

// headers writes those of IPv4 and TCP. The checksums stay 0, as in a capture
// at the sender whose network card makes them.
func (w *wire) headers(b []byte, from int, flags byte, payload int) {
	ends := [2][4]byte{{192, 0, 2, byte(1 + w.tape.dialect)}, {198, 51, 100, 1}}
	ports := [2]uint16{uint16(40000 + w.number), 443}
	b[0], b[8], b[9] = 0x45, 64, byte(layers.IPProtocolTCP)
	binary.BigEndian.PutUint16(b[2:], uint16(ipHeader+tcpHeader+payload))
	copy(b[12:], ends[from][:])
	copy(b[16:], ends[1-from][:])
	b = b[ipHeader:]
	binary.BigEndian.PutUint16(b, ports[from])
	binary.BigEndian.PutUint16(b[2:], ports[1-from])
	binary.BigEndian.PutUint32(b[4:], w.next[from])
	if flags&flagACK != 0 {
		binary.BigEndian.PutUint32(b[8:], w.next[1-from])
	}
	b[12], b[13] = tcpHeader/4<<4, flags
	binary.BigEndian.PutUint16(b[14:], 0xffff)
	copy(b[20:], []byte{1, 1, 8, 10}) // RFC 7323, section 3.2: two NOPs, timestamps
	binary.BigEndian.PutUint32(b[24:], uint32(w.tape.clock.UnixMilli()))
}
