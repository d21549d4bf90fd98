package pcapfile

import (
	"math/bits"
	"time"
)

// Bounds of the times that a reader gives, in seconds since 1970: the years 1
// and 9999. JSON has no times beyond (RFC 3339, section 1).
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// resolution is the value of if_tsresol: the most significant bit tells
// whether the rest is a negative power of 2 or of 10.
type resolution uint8

// microseconds is the resolution of interfaces that give none.
const microseconds resolution = 6

// nanoseconds is the resolution of the interfaces that we write.
const nanoseconds resolution = 9

// time converts a timestamp in units of r, with offset seconds added. Fractions
// of a nanosecond are cut off; times outside the years 1 to 9999 become the
// nearest that is inside.
func (r resolution) time(stamp uint64, offset int64) time.Time {
	var sec, nsec uint64
	if r&0x80 != 0 {
		sec, nsec = splitBinary(stamp, uint(r&0x7f))
	} else {
		sec, nsec = splitDecimal(stamp, int(r))
	}
	// Both bounds are far from the ends of int64, so the sum cannot overflow.
	s := int64(min(sec, 2*maxSeconds)) + max(min(offset, 2*maxSeconds), 2*-maxSeconds)
	return time.Unix(max(min(s, maxSeconds), minSeconds), int64(nsec)).UTC()
}

// splitDecimal splits a count of 10^-n seconds into seconds and nanoseconds.
func splitDecimal(stamp uint64, n int) (sec, nsec uint64) {
	unit := uint64(1) // units in a second, as long as that fits
	for range min(n, 19) {
		unit *= 10
	}
	sec, frac := stamp/unit, stamp%unit
	if n > 19 {
		sec, frac = 0, stamp
	}
	for ; n < 9; n++ {
		frac *= 10
	}
	for ; n > 9 && frac > 0; n-- {
		frac /= 10
	}
	return sec, frac
}

// splitBinary splits a count of 2^-n seconds into seconds and nanoseconds.
func splitBinary(stamp uint64, n uint) (sec, nsec uint64) {
	frac := stamp
	if n < 64 {
		sec = stamp >> n
		frac = stamp & (1<<n - 1)
	}
	hi, lo := bits.Mul64(frac, uint64(time.Second))
	if n >= 64 {
		return sec, hi >> (n - 64)
	}
	return sec, hi<<(64-n) | lo>>n
}
