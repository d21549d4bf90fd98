package flow

import (
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/gopx-trace/gopx-trace/capture"
)

// maxRefragmented is how often one packet may turn out to be a fragment again
// after it was put together: a tunnel and a packet inside it are fragmented
// independently of each other.
const maxRefragmented = 4

// maxUnknownLinks is how many link types that cannot be read are told apart.
const maxUnknownLinks = 16

// parser finds the innermost transport packet in captured bytes. gopacket
// decodes the headers that it decodes well; layers of this package do the
// rest. Both stand in one list, and gopacket walks it and turns a panic of any
// of them into an error.
type parser struct {
	byLink  map[capture.LinkType]*gopacket.DecodingLayerParser
	whole   *gopacket.DecodingLayerParser
	decoded []gopacket.LayerType

	network
	tcp   tcpHeader
	udp   layers.UDP
	icmp4 layers.ICMPv4
	icmp6 layers.ICMPv6
	// quoted is the IP header of the packet that an ICMP error is about.
	quoted network

	fragments fragments
	// unread counts packets that could not be read, by reason.
	unread map[string]int
}

// newParser returns a parser for every link type of [linkLayers].
func newParser() *parser {
	p := &parser{
		byLink: make(map[capture.LinkType]*gopacket.DecodingLayerParser),
		unread: make(map[string]int),
	}
	known := p.layers()
	for link, first := range linkLayers() {
		p.byLink[link] = startAt(first, known)
	}
	p.whole = startAt(layerWhole, known)
	return p
}

// layers is the list of headers that the parser can read.
func (p *parser) layers() gopacket.DecodingLayerContainer {
	list := gopacket.DecodingLayerContainer(make(gopacket.DecodingLayerSparse, layerTypeLimit))
	for _, l := range []gopacket.DecodingLayer{
		&ethernet{}, &vlan{}, &layers.LLC{}, &layers.SNAP{}, &sll{}, &sll2{},
		&family{}, &hdlc{}, &ppp{}, &pppoe{}, &radiotap{}, &dot11{}, &nflog{}, &mpls{},
		&ppi{links: linkLayers()}, &pktap{links: linkLayers()}, &fddi{},
		&pflog{}, &enc{}, &arcnet{}, &pppDir{},
		&anyIP{}, ip4{&p.network}, ip6{&p.network}, whole{&p.network},
		&gre{}, &erspan{}, &layers.EtherIP{}, &layers.VXLAN{}, &geneve{}, &gtp{},
		&p.tcp, &p.udp, &p.icmp4, &p.icmp6,
	} {
		list = list.Put(l)
	}
	return list
}

func startAt(first gopacket.LayerType, known gopacket.DecodingLayerContainer) *gopacket.DecodingLayerParser {
	d := gopacket.NewDecodingLayerParser(first)
	d.SetDecodingLayerContainer(known)
	d.IgnoreUnsupported = true
	return d
}

// parse reads one packet and returns the layer type of its innermost
// transport header, whose fields are then in p; zero if there is none.
func (p *parser) parse(c *capture.Packet) gopacket.LayerType {
	d := p.byLink[c.Link]
	if d == nil {
		reason := linkReason(c.Link)
		if p.unread[reason] == 0 && len(p.unread) >= maxUnknownLinks {
			reason = "other link types"
		}
		p.unread[reason]++
		return gopacket.LayerTypeZero
	}
	p.network = network{cut: max(0, c.Length-len(c.Data))}
	data := c.Data
	for range maxRefragmented {
		if len(data) == 0 {
			return gopacket.LayerTypeZero
		}
		err := d.DecodeLayers(data, &p.decoded)
		if err != nil {
			p.unread["damaged or cut header"]++
		}
		if !p.fragment {
			return p.innermost(err)
		}
		var all bool
		if data, all = p.fragments.add(&p.network, c.Time); !all {
			return gopacket.LayerTypeZero
		}
		d = p.whole
	}
	return gopacket.LayerTypeZero
}

// innermost is the type of the last header that was read, if it is one of a
// transport protocol or ICMP. A datagram to the port of a tunnel protocol in
// which no IP packet was found is just a datagram.
func (p *parser) innermost(err error) gopacket.LayerType {
	for i, layer := range slices.Backward(p.decoded) {
		last := i == len(p.decoded)-1
		switch layer {
		case layers.LayerTypeTCP, layers.LayerTypeICMPv4, layers.LayerTypeICMPv6:
			return layer
		case layers.LayerTypeUDP:
			if last || err == nil {
				return layer
			}
		case layers.LayerTypeIPv4, layers.LayerTypeIPv6, layerWhole:
			return gopacket.LayerTypeZero
		}
	}
	return gopacket.LayerTypeZero
}

// TCP flags (RFC 9293, section 3.1).
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// tcpHeader is gopacket's TCP, but a segment with damaged or cut options still
// counts: its ports and numbers are fixed fields, and hosts do accept it.
type tcpHeader struct {
	layers.TCP
	flags uint8
}

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (t *tcpHeader) DecodeFromBytes(b []byte, df gopacket.DecodeFeedback) error {
	err := t.TCP.DecodeFromBytes(b, df)
	if len(b) < 20 || t.DataOffset < 5 {
		return err
	}
	t.flags = b[13]
	t.Payload = b[min(int(t.DataOffset)*4, len(b)):]
	return nil
}

// sack reports whether the header has a selective acknowledgment.
func (t *tcpHeader) sack() bool {
	for i := range t.Options {
		if t.Options[i].OptionType == layers.TCPOptionKindSACK {
			return true
		}
	}
	return false
}

// NextLayerType implements [gopacket.DecodingLayer]. Nothing inside TCP is
// decoded here.
func (*tcpHeader) NextLayerType() gopacket.LayerType { return gopacket.LayerTypeZero }

// segment is a TCP segment.
type segment struct {
	seq, ack uint32
	flags    uint8
	window   uint16
	payload  []byte
	length   int // of the payload on the wire
	at       Mark
	filled   bool // the packet came after its socket was closed
	ttl      uint8
	sack     bool // it acknowledges bytes ahead of a hole (RFC 2018)
}

func (s *segment) has(flag uint8) bool { return s.flags&flag != 0 }

// first is the number of the first payload byte: a SYN takes one number.
func (s *segment) first() uint32 {
	if s.has(flagSYN) {
		return s.seq + 1
	}
	return s.seq
}

// segment is the TCP segment that p holds.
func (p *parser) segment(at Mark) segment {
	return segment{
		seq:     p.tcp.Seq,
		ack:     p.tcp.Ack,
		flags:   p.tcp.flags,
		window:  p.tcp.Window,
		payload: p.tcp.Payload,
		length:  max(0, p.length-int(p.tcp.DataOffset)*4),
		at:      at,
		ttl:     p.network.ttl,
		sack:    p.tcp.sack(),
	}
}
