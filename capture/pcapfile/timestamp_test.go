package pcapfile

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func TestResolutions(t *testing.T) {
	tests := []struct {
		r      resolution
		stamp  uint64
		offset int64
		want   time.Time
	}{
		{6, 1700000000123456, 0, time.Unix(1700000000, 123456000)},
		{9, 1700000000123456789, 0, time.Unix(1700000000, 123456789)},
		{9, 1700000000123456789, -1700000000, time.Unix(0, 123456789)},
		{0, 1700000000, 3600, time.Unix(1700003600, 0)},
		{3, 1700000000123, 0, time.Unix(1700000000, 123000000)},
		{12, 1700000123456789999, 0, time.Unix(1700000, 123456789)},
		{19, 12345678901234567890, 0, time.Unix(1, 234567890)},
		{20, 12345678901234567890, 0, time.Unix(0, 123456789)},
		{127, math.MaxUint64, 0, time.Unix(0, 0)},
		{0x80, 1700000000, 0, time.Unix(1700000000, 0)},
		{0x81, 3, 0, time.Unix(1, 500000000)},
		{0xa0, 1700000000<<32 | 1<<31, 0, time.Unix(1700000000, 500000000)},
		{0xbf, 1<<63 | 1<<62, 0, time.Unix(1, 500000000)},
		{0xc0, 1 << 63, 0, time.Unix(0, 500000000)},
		{0xc1, 1 << 63, 0, time.Unix(0, 250000000)},
		{0xff, math.MaxUint64, 0, time.Unix(0, 0)},
		{0, math.MaxUint64, 0, time.Unix(maxSeconds, 0)},
		{0, math.MaxUint64, math.MaxInt64, time.Unix(maxSeconds, 0)},
		{9, 0, math.MinInt64, time.Unix(minSeconds, 0)},
	}
	for _, tt := range tests {
		if got := tt.r.time(tt.stamp, tt.offset); !got.Equal(tt.want) {
			t.Errorf("resolution %#x, stamp %d, offset %d: %v, want %v", tt.r, tt.stamp, tt.offset, got, tt.want.UTC())
		}
	}
}

// TestResolutionsAgainstBig compares with arithmetic that cannot overflow.
func TestResolutionsAgainstBig(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		r := resolution(random.Uint32())
		stamp := random.Uint64() >> random.UintN(64)
		base := int64(10)
		if r&0x80 != 0 {
			base = 2
		}
		unit := new(big.Int).Exp(big.NewInt(base), big.NewInt(int64(r&0x7f)), nil)
		n := new(big.Int).SetUint64(stamp)
		sec := new(big.Int).Div(n, unit)
		nsec := n.Mod(n, unit)
		nsec.Div(nsec.Mul(nsec, big.NewInt(1e9)), unit)
		if !sec.IsInt64() || sec.Int64() > maxSeconds {
			sec.SetInt64(maxSeconds)
		}
		want := time.Unix(sec.Int64(), nsec.Int64())
		if got := r.time(stamp, 0); !got.Equal(want) {
			t.Fatalf("resolution %#x, stamp %d: %v, want %v", r, stamp, got, want.UTC())
		}
	}
}

func TestStampRoundTrip(t *testing.T) {
	tests := []struct{ write, read time.Time }{
		{time.Unix(1700000000, 123456789), time.Unix(1700000000, 123456789)},
		{time.Unix(0, 1), time.Unix(0, 1)},
		{time.Time{}, time.Unix(0, 0)},
		{time.Unix(18446744073, 0), time.Unix(18446744073, 709551615)},
		{time.Unix(18446744072, 999999999), time.Unix(18446744072, 999999999)},
		{time.Unix(maxSeconds, 0), time.Unix(18446744073, 709551615)},
	}
	for _, tt := range tests {
		b := appendStamp(nil, tt.write)
		if got := nanoseconds.time(uint64(le.Uint32(b))<<32|uint64(le.Uint32(b[4:])), 0); !got.Equal(tt.read) {
			t.Errorf("%v came back as %v", tt.write.UTC(), got)
		}
	}
}
