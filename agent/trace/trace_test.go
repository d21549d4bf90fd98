package trace

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"
)

// decimals is what a number of milliseconds is written as, the slow way.
func decimals(m Millis) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(float64(m), 'f', 6, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

func TestMillis(t *testing.T) {
	for in, want := range map[Millis]string{
		-1: "-1", 0: "0", 1: "1", 1500: "1500", 0.5: "0.5", 0.000001: "0.000001", 0.0000004: "0", 12.345678: "12.345678",
		12.3456784: "12.345678", 0.1 + 0.2: "0.3", 86_400_000.000001: "86400000.000001", 1e12: "1000000000000",
		MillisOf(123456789 * time.Nanosecond): "123.456789",
	} {
		b, err := json.Marshal(in)
		if err != nil || string(b) != want {
			t.Errorf("%v is written %s (%v), want %s", float64(in), b, err, want)
		}
	}
}

func FuzzMillis(f *testing.F) {
	for _, m := range []float64{0, math.Copysign(0, -1), 1e-7, 0.0000005, 1e9, 123.456, math.MaxFloat64, -3.25, 999_999_999.999999} {
		f.Add(m, int64(m))
	}
	f.Fuzz(func(t *testing.T, free float64, nanos int64) {
		for _, m := range []Millis{Millis(free), MillisOf(time.Duration(nanos))} {
			if got, want := string(m.AppendTo(nil)), decimals(m); got != want {
				t.Errorf("%v is written %s, want %s", float64(m), got, want)
			}
		}
	})
}
