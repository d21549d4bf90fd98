//go:build linux

package upstream

import (
	"bytes"
	"maps"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Times of a [matcher].
const (
	// hold is how long a packet waits for the question of the command that it may
	// belong to: the two come by different ways, and that of the command has more load.
	hold = 200 * time.Millisecond
	// slack is by how much the clocks of the two ways may differ.
	slack = 10 * time.Millisecond
	// openFor is how long a resolver may work on a question that nobody repeats:
	// both go and the C library ask again after 5 s.
	openFor = 30 * time.Second
	// answeredFor is how long it may after an answer: A and AAAA are asked together.
	answeredFor = 5 * time.Second
	// again is how soon after a packet the same is the same one on another
	// interface (a bridge and its port).
	again = 5 * time.Millisecond
)

// Bounds of a [matcher].
const (
	maxNames = 1024
	maxWays  = 4096
	maxHeld  = 4096
)

// matcher decides which packets are about the command's names.
type matcher struct {
	names map[string]lookup
	// own are the ways that the command's own questions to other hosts take.
	own map[way]time.Time
	// questions are the ways of those that were told, for ICMP errors.
	questions map[way]time.Time
	held      []heard
	last      []heard // told within [again]
	// encrypted: see [Watcher.Encrypted].
	encrypted bool
	lost      uint64
}

// lookup is when a name was last asked for and last answered.
type lookup struct{ asked, answered time.Time }

// open reports whether a resolver may be at work on the name at a time.
func (l lookup) open(at time.Time) bool {
	if at.Before(l.asked.Add(-slack)) || at.After(l.asked.Add(openFor)) {
		return false
	}
	return l.answered.Before(l.asked) || !at.After(l.answered.Add(answeredFor))
}

// asked takes in a packet of the command.
func (m *matcher) asked(packet []byte, at time.Time) {
	p, ok := parse(packet)
	if !ok || p.encrypted || p.refused {
		return
	}
	if !p.way.local() {
		m.own = note(m.own, p.way, at)
		return
	}
	if !p.response {
		m.expect(p.name, at)
	} else if l, ok := m.names[p.name]; ok {
		l.answered = at
		m.names[p.name] = l
	}
}

// expect has a name listened for. Past the bound those that are over give way.
func (m *matcher) expect(name string, at time.Time) {
	if m.names == nil {
		m.names = map[string]lookup{}
	}
	l, known := m.names[name]
	if !known && len(m.names) >= maxNames {
		maps.DeleteFunc(m.names, func(_ string, l lookup) bool { return !l.open(at) })
	}
	if l.asked = at; known || len(m.names) < maxNames {
		m.names[name] = l
	}
}

// note adds a way to those of a time. Past the bound the old ones give way.
func note(ways map[way]time.Time, w way, at time.Time) map[way]time.Time {
	if ways == nil {
		ways = map[way]time.Time{}
	}
	if len(ways) >= maxWays {
		maps.DeleteFunc(ways, func(_ way, t time.Time) bool { return at.Sub(t) > openFor })
	}
	if len(ways) < maxWays {
		ways[w] = at
	}
	return ways
}

// take adds what arrived and returns what is due: the packets up to a time, all
// if that is zero.
func (m *matcher) take(arrived []heard, until time.Time) []*capture.Packet {
	room := min(len(arrived), maxHeld-len(m.held))
	m.lost += uint64(len(arrived) - room)
	m.held = append(m.held, arrived[:room]...)
	var told []*capture.Packet
	n := 0
	for ; n < len(m.held) && (until.IsZero() || !m.held[n].at.After(until)); n++ {
		if p := m.decide(m.held[n]); p != nil {
			told = append(told, p)
		}
	}
	m.held = append(m.held[:0], m.held[n:]...)
	return told
}

// decide returns the packet if it is about a name of the command.
func (m *matcher) decide(h heard) *capture.Packet {
	p, ok := parse(h.data)
	if !ok {
		return nil
	}
	if p.encrypted {
		m.encrypted = m.encrypted || m.waiting(h.at)
		return nil
	}
	if p.refused {
		return m.decideError(h, &p)
	}
	if _, own := m.own[p.way]; own || p.response == h.outbound || !m.names[p.name].open(h.at) || m.twice(h) {
		return nil
	}
	if !p.response {
		m.questions = note(m.questions, p.way, h.at)
	}
	for _, alias := range p.aliases { // what a resolver asks for next
		m.expect(alias, h.at)
	}
	return h.packet()
}

// decideError returns an ICMP error if it is about a question that was told.
func (m *matcher) decideError(h heard, p *parsed) *capture.Packet {
	at, known := m.questions[p.way]
	if !known || h.outbound || h.at.Sub(at) > openFor || p.name != "" && !m.names[p.name].open(h.at) || m.twice(h) {
		return nil
	}
	return h.packet()
}

// waiting reports whether the command waits for an answer at a time.
func (m *matcher) waiting(at time.Time) bool {
	for _, l := range m.names {
		if l.answered.Before(l.asked) && l.open(at) {
			return true
		}
	}
	return false
}

// twice reports whether the same packet was just told, and remembers it.
func (m *matcher) twice(h heard) bool {
	recent := m.last[:0]
	same := false
	for _, o := range m.last {
		if h.at.Sub(o.at) > again {
			continue
		}
		recent = append(recent, o)
		same = same || o.outbound == h.outbound && bytes.Equal(o.data, h.data)
	}
	if m.last = recent; !same {
		m.last = append(m.last, h)
	}
	return same
}
