package digest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/digest"
)

// Bodies of any length that come in turns, in pieces of any length, get the
// digests of their bytes.
func TestSums(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for name, sums := range map[string]*digest.Sums{"at once": nil, "beside": {}} {
		t.Run(name, func(t *testing.T) {
			lengths := []int{0, 1, 255, 3 << 20, 256 << 10, 256<<10 + 1, 5000}
			for range 9000 { // more than one batch has room for
				lengths = append(lengths, random.IntN(20))
			}
			got, state, done := make([]string, len(lengths)), make([]digest.Sum, len(lengths)), make([]int, len(lengths))
			for open := len(lengths); open > 0; {
				open = 0
				for i, length := range lengths {
					n := min(1+random.IntN(400_000), length-done[i])
					if done[i] < 0 {
						continue
					}
					sums.Write(&state[i], noise[done[i]:done[i]+n])
					if done[i] += n; done[i] < length {
						open++
						continue
					}
					sums.Finish(&state[i], &got[i])
					done[i] = -1
				}
			}
			sums.Close()
			sums.Close()
			for i, length := range lengths {
				want := sha256.Sum256(noise[:length])
				if got[i] != hex.EncodeToString(want[:]) {
					t.Errorf("body %d of %d bytes: %s", i, length, got[i])
				}
			}
		})
	}
}

// What is written may change afterwards, and a body may stay without an end.
func TestCopies(t *testing.T) {
	var sums digest.Sums
	var endless, sum digest.Sum
	var got string
	b := []byte("body")
	sums.Write(&endless, b)
	sums.Write(&sum, b)
	copy(b, "else")
	sums.Finish(&sum, &got)
	sums.Close()
	want := sha256.Sum256([]byte("body"))
	if got != hex.EncodeToString(want[:]) {
		t.Errorf("got %s", got)
	}
}

// A body costs no memory once others have ended.
func TestReuse(t *testing.T) {
	var sums digest.Sums
	var into string
	states, i := make([]digest.Sum, 12_000), 0
	per := testing.AllocsPerRun(len(states)-1, func() {
		sums.Write(&states[i], []byte("x"))
		sums.Finish(&states[i], &into)
		i++
	})
	sums.Close()
	if per > 2 { // the text, and a state while others wait
		t.Errorf("%v allocations for a body", per)
	}
}

func BenchmarkWrite(b *testing.B) {
	part := make([]byte, 16<<10)
	for name, sums := range map[string]*digest.Sums{"at once": nil, "beside": {}} {
		b.Run(name, func(b *testing.B) {
			var sum digest.Sum
			b.SetBytes(int64(len(part)))
			for b.Loop() {
				sums.Write(&sum, part)
			}
			sums.Close()
		})
	}
}
