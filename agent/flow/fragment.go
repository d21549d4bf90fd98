package flow

import "time"

// Bounds on IP packets that came in fragments and are not whole yet.
const (
	maxFragmented     = 256              // packets
	maxFragments      = 512              // of one packet, after merging overlaps
	maxFragmentCost   = 4 << 20          // bytes over all packets
	fragmentLifetime  = 30 * time.Second // RFC 791 suggests 15 s, Linux waits 30 s
	maxReassembled    = 65535            // bytes of one IP packet
	fragmentAlignment = 8                // all fragments but the last
)

// fragmentKey tells the fragments of one packet from those of others
// (RFC 791, section 2.3; RFC 8200, section 4.5).
type fragmentKey struct {
	src, dst [16]byte
	v6       bool
	proto    uint8
	id       uint32
}

// fragmented is a packet of which some fragments were seen.
type fragmented struct {
	spans
	total int // bytes; -1 until the last fragment was seen
	since time.Time
}

// fragments puts fragmented IP packets together. Of overlapping fragments the
// first bytes win.
type fragments struct {
	packets map[fragmentKey]*fragmented
	cost    int
	// lost counts packets that were given up.
	lost int
}

// add keeps the fragment in n and returns the payload of its packet once all
// of it was seen.
func (f *fragments) add(n *network, now time.Time) ([]byte, bool) {
	end := n.offset + n.length
	misaligned := n.more && n.length%fragmentAlignment != 0
	if n.length == 0 || n.cut > 0 || end > maxReassembled || misaligned {
		f.lost++
		return nil, false
	}
	k := fragmentKey{src: n.src, dst: n.dst, v6: n.v6, id: n.id}
	if !n.v6 { // in IPv6 the first fragment alone decides (RFC 8200)
		k.proto = n.proto
	}
	p := f.packet(k, now)
	f.cost -= p.cost
	p.add(span{seq: uint32(n.offset), n: n.length, b: n.payload})
	f.cost += p.cost
	if !n.more && p.total < 0 {
		p.total = end
	}
	b, ok := p.join()
	if ok || len(p.list) > maxFragments || f.cost > maxFragmentCost {
		f.drop(k, !ok)
	}
	return b, ok
}

// packet returns the packet of k, new if need be.
func (f *fragments) packet(k fragmentKey, now time.Time) *fragmented {
	if p := f.packets[k]; p != nil && now.Sub(p.since) <= fragmentLifetime {
		return p
	}
	f.drop(k, f.packets[k] != nil)
	if len(f.packets) >= maxFragmented {
		f.dropOldest()
	}
	if f.packets == nil {
		f.packets = make(map[fragmentKey]*fragmented)
	}
	p := &fragmented{total: -1, since: now}
	f.packets[k] = p
	return p
}

func (f *fragments) dropOldest() {
	var oldest fragmentKey
	var since time.Time
	first := true
	for k, p := range f.packets {
		if first || p.since.Before(since) {
			oldest, since, first = k, p.since, false
		}
	}
	f.drop(oldest, true)
}

func (f *fragments) drop(k fragmentKey, lost bool) {
	if p := f.packets[k]; p != nil {
		f.cost -= p.cost
		delete(f.packets, k)
	}
	if lost {
		f.lost++
	}
}

// join returns the payload if all of it is there.
func (p *fragmented) join() ([]byte, bool) {
	if p.total < 0 {
		return nil, false
	}
	next := 0
	for _, s := range p.list {
		if int(s.seq) != next {
			return nil, false
		}
		next += s.n
	}
	if next < p.total {
		return nil, false
	}
	b := make([]byte, 0, next)
	for _, s := range p.list {
		b = append(b, s.b...)
	}
	return b[:p.total], true
}
