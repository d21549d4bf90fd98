package pcapfile

import "time"

// Sizes in bytes of the packet headers of patched libpcaps that kept the magic
// number of another form, as Wireshark knows them (wiretap/libpcap.c).
const (
	nokiaHeader   = 20 // Nokia's firewalls
	redHat6Header = 24 // Red Hat 6.1, with the plain magic number
	suse6Header   = 28 // SuSE 6.3, with that of the modified form
)

// settle finds out how long packet headers are where the magic number leaves it
// open: another form than the registered one has to make sense of the first
// packets where the registered one does not.
func (r *pcapReader) settle() {
	var others []int
	switch _, contradicted := r.headers(r.header); {
	case r.minor != 4 || r.fraction != time.Microsecond || !contradicted:
		return
	case r.header == pcapPacketHeader:
		others = []int{redHat6Header, nokiaHeader}
	case r.header == pcapModifiedHeader:
		others = []int{suse6Header}
	}
	for _, size := range others {
		if sensible, _ := r.headers(size); sensible {
			r.header = size
			return
		}
	}
}

// headers reads the first packet headers as of that size. It tells whether all
// make sense, up to the third or to the end of the file right behind one, and
// whether one makes none.
func (r *pcapReader) headers(size int) (sensible, contradicted bool) {
	at := 0
	for n := range 3 {
		b, err := r.w.peek(at + size)
		if err != nil {
			_, before := r.w.peek(at)
			_, behind := r.w.peek(at + 1)
			return n > 0 && before == nil && behind != nil, false
		}
		b = b[at:]
		captured, length := r.order.Uint32(b[8:]), r.order.Uint32(b[12:])
		if r.order.Uint32(b[4:]) >= 1e6 || captured > length || captured > maxPacket {
			return false, true
		}
		at += size + int(captured)
	}
	return true, false
}
