package flow

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// contract is a stream that fails a test when it is not used as [Stream]
// promises, or gets bytes to the server other than want, if that is set.
type contract struct {
	t     *testing.T
	conn  *Conn
	ended [2]bool
	bytes [2]uint64
	gaps  [2]uint64
	want  []byte
	at    int // in want
}

func (c *contract) Data(d Dir, b []byte, m Mark) {
	if c.ended[d] || len(b) == 0 {
		c.t.Fatalf("%d bytes, ended %v", len(b), c.ended[d])
	}
	c.bytes[d] += uint64(len(b))
	if d == ToServer && c.want != nil {
		if c.at+len(b) > len(c.want) || !slices.Equal(b, c.want[c.at:c.at+len(b)]) {
			c.t.Fatalf("wrong bytes at %d: %x", c.at, b)
		}
		c.at += len(b)
	}
}

func (c *contract) Gap(d Dir, n uint64, m Mark) {
	if c.ended[d] || n == 0 || n > maxAhead {
		c.t.Fatalf("gap of %d, ended %v", n, c.ended[d])
	}
	c.gaps[d] += n
	if d == ToServer {
		c.at += int(n)
	}
}

func (c *contract) End(d Dir, how Ending, m Mark) {
	if c.ended[d] {
		c.t.Fatal("ended twice")
	}
	c.ended[d] = true
}

func (c *contract) finish() {
	if c.ended != [2]bool{true, true} {
		c.t.Fatalf("ended %v", c.ended)
	}
	if c.conn.Bytes != c.bytes || c.conn.Missed != c.gaps {
		c.t.Fatalf("facts say %v and %v missed, the stream got %v and %v", c.conn.Bytes, c.conn.Missed, c.bytes, c.gaps)
	}
	if c.conn.State == "" || len(c.conn.History) > maxHistory || c.conn.RTT < 0 {
		c.t.Fatalf("state %q, history %q, RTT %v", c.conn.State, c.conn.History, c.conn.RTT)
	}
}

// FuzzPacket feeds any bytes under any link type: input is a list of packets,
// each with a length, a link type index, a direction and a number of bytes
// that were cut off.
func FuzzPacket(f *testing.F) {
	links := []capture.LinkType{0, 1, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 147, 192, 228, 229, 239, 276, 109, 117, 129, 166, 204, 258}
	one := func(link byte, data []byte) []byte {
		return append([]byte{byte(len(data)), byte(len(data) >> 8), link, 0, 0}, data...)
	}
	f.Add(join(one(8, hello4()), one(8, hello6())))
	f.Add(join(one(1, join(macs(0x81, 0, 0, 5, 8, 0), hello4())), one(1, join(macs(0x88, 0x47, 0, 2, 1, 64), hello6()))))
	for _, b := range cutUp(hello4(), 8) {
		f.Add(one(8, b))
	}
	f.Add(join(one(8, cutUp(hello6(), 16)[0]), one(8, cutUp(hello6(), 16)[1])))
	f.Add(one(8, icmpPacket(server().Addr(), client().Addr(), hello4(), 40)))
	f.Add(one(8, udpPacket(client(), server(), []byte("question"))))
	f.Add(one(8, ipPacket(client().Addr(), server().Addr(), protoGRE, join([]byte{0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}, hello4()), 0)))
	f.Add(join(one(13, join([]byte{0, 0, 8, 0, 0, 0, 0, 0, 0x88, 1}, make([]byte, 24), []byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, hello4()))))
	var talk []byte
	for _, p := range packets(conversation()) {
		talk = append(talk, one(8, p.Data)...)
	}
	f.Add(talk)
	f.Fuzz(func(t *testing.T, in []byte) {
		var streams []*contract
		table := NewTable(Options{
			Open: func(c *Conn) Stream {
				streams = append(streams, &contract{t: t, conn: c})
				return streams[len(streams)-1]
			},
			Datagram:    func(*Datagram) {},
			Unreachable: func(*Unreachable, *Conn) {},
		})
		at := start()
		for frame := 1; len(in) >= 5; frame++ {
			n := min(int(binary.LittleEndian.Uint16(in)), len(in)-5)
			p := raw(frame, at, in[5:5+n:5+n], int(in[4]))
			p.Link = links[int(in[2])%len(links)]
			p.Direction, p.Socket = capture.Direction(in[3]&3%3), uint64(in[3]>>4)
			at = at.Add(time.Duration(in[3]&0x0c) * 100 * time.Millisecond)
			table.Packet(p)
			in = in[5+n:]
		}
		table.Close()
		for _, s := range streams {
			s.finish()
		}
		if table.held != 0 {
			t.Fatalf("%d bytes are held after the end", table.held)
		}
	})
}

// FuzzAssemble cuts a known byte stream into segments and reorders, repeats,
// overlaps, loses and cuts them as the input says. What comes out must be that
// stream, with gaps.
func FuzzAssemble(f *testing.F) {
	f.Add(uint64(1), []byte("\x00\x10\x20\x30\x40\x50"))
	f.Add(uint64(2), []byte("\x01\xff\x81\x22\x93\x04\x75\xe6\x17\x00\x00\xff"))
	f.Add(uint64(3), []byte{})
	f.Add(uint64(4), []byte("\x00\x07\x00\x03\x00\x04\x04\x00\x0f\x00\x04"))
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		random := rand.New(rand.NewPCG(seed, 0))
		want := make([]byte, 4000)
		for i := range want {
			want[i] = byte(random.Uint32())
		}
		isn := random.Uint32()
		if seed%2 == 0 {
			isn = -uint32(random.IntN(len(want)))
		}
		play(t, want, isn, random, steps[:min(len(steps), 500)])
	})
}

// play sends pieces of want: the low bits of each step choose what happens.
func play(t *testing.T, want []byte, isn uint32, random *rand.Rand, steps []byte) {
	got := &contract{t: t, want: want}
	table := NewTable(Options{Open: func(c *Conn) Stream { got.conn = c; return got }})
	at, frame := start(), 0
	send := func(d Dir, seq, ack uint32, flags uint8, data []byte, more int) {
		from, to := client(), server()
		if d == ToClient {
			from, to = to, from
		}
		frame++
		at = at.Add(time.Duration(random.IntN(1e7)))
		table.Packet(raw(frame, at, tcpPacket(from, to, seq, ack, flags, 100, data, more), more))
	}
	send(ToServer, isn, 0, flagSYN, nil, 0)
	send(ToClient, 9, isn+1, flagSYN|flagACK, nil, 0)
	place := 0
	for _, s := range steps {
		size := random.IntN(200)
		switch s & 7 {
		case 0, 1: // in order
		case 2: // again
			place = max(0, place-random.IntN(400))
		case 3: // lost or late
			place += random.IntN(300)
		case 4: // acknowledged
			send(ToClient, 10, isn+1+uint32(random.IntN(place+1)), flagACK, nil, 0)
			continue
		case 5: // much later
			at = at.Add(time.Second)
			continue
		case 6: // the end of the stream overtakes
			place = len(want) - size
		case 7: // a RST, forged perhaps
			if s&0x08 != 0 {
				send(ToClient, 10, isn+1+uint32(place), flagRST|flagACK, nil, 0)
			} else {
				send(ToServer, isn+1+uint32(place), 10, flagRST|flagACK, nil, 0)
			}
			continue
		}
		place = min(place, len(want))
		end := min(place+size, len(want))
		cut := 0
		if s&0x80 != 0 && end > place {
			cut = random.IntN(end - place)
		}
		send(ToServer, isn+1+uint32(place), 10, flagACK, want[place:end-cut], cut)
		place = end
	}
	if random.IntN(2) == 0 {
		send(ToServer, isn+1+uint32(len(want)), 10, flagACK|flagFIN, nil, 0)
	}
	table.Close()
	got.finish()
	if got.conn.Bytes[0]+got.conn.Missed[0] > uint64(len(want)) {
		t.Fatalf("%d bytes and %d missed of %d", got.conn.Bytes[0], got.conn.Missed[0], len(want))
	}
}
