package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand"
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// standard is what encoding/json makes of a value.
func standard(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encoded(t testing.TB, p any) string {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A request with anything in it is written as encoding/json writes it.
func TestEncodeAsTheStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	times := func(v any) { // quick makes no times
		at := time.Unix(random.Int63n(1<<32), random.Int63n(1e9)*random.Int63n(2)).UTC()
		x := reflect.ValueOf(v).Elem()
		for i := range x.NumField() {
			if p, ok := x.Field(i).Addr().Interface().(*time.Time); ok && random.Intn(4) > 0 {
				*p = at
			}
		}
	}
	for _, sample := range []any{
		&trace.Trace{}, &trace.Request{}, &trace.Connection{}, &trace.TLS{}, &trace.Fetch{}, &trace.Hop{}, &trace.Finding{},
		&trace.Environment{}, &trace.Command{}, &trace.Process{}, &trace.Lookup{}, &trace.Chain{}, &trace.Losses{},
	} {
		if got, want := encoded(t, sample), standard(t, sample); got != want {
			t.Errorf("zero %T:\n%s", sample, cmp.Diff(want, got))
		}
		of := reflect.TypeOf(sample).Elem()
		for range 50 {
			p := reflect.New(of)
			for i := range of.NumField() {
				if random.Intn(4) == 0 || !reflectable(of.Field(i).Type) {
					continue
				}
				if v, ok := quick.Value(of.Field(i).Type, random); ok {
					p.Elem().Field(i).Set(v)
				}
			}
			times(p.Interface())
			if got, want := encoded(t, p.Interface()), standard(t, p.Interface()); got != want {
				t.Fatalf("%T:\n%s", sample, cmp.Diff(want, got))
			}
		}
	}
}

// reflectable says whether quick can make values of a type without inventing a
// time zone.
func reflectable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return reflectable(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !reflectable(t.Field(i).Type) {
				return false
			}
		}
		return t != reflect.TypeFor[time.Time]()
	}
	return true
}

// What the encoder does not know it leaves to encoding/json.
func TestEncodeOtherTypes(t *testing.T) {
	type embedded struct{ A int }
	type inner struct {
		embedded
		B string `json:"b"`
	}
	type unnamed struct{ C int }
	type quoted struct {
		D int `json:"d,string"`
	}
	type floating struct {
		F float64   `json:"f"`
		I any       `json:"i"`
		A [2]int    `json:"a,omitempty"`
		Z inner     `json:"z"`
		M []*inner  `json:"m"`
		N *unnamed  `json:"n"`
		Q []quoted  `json:"q"`
		B []byte    `json:"b"`
		R time.Time `json:"r,omitempty"`
		P *string   `json:"p"`
		s string
	}
	word := "x"
	for _, v := range []*floating{{s: word}, {
		F: 1.5, I: map[string]any{"k": []int{1, 2}}, Z: inner{embedded{1}, "<b>&"}, M: []*inner{nil, {B: "é\u2028\x00\"\\\xff"}},
		N: &unnamed{3}, Q: []quoted{{4}}, B: []byte{1, 2}, R: time.Unix(1, 5).UTC(), P: &word,
	}} {
		if got, want := encoded(t, v), standard(t, v); got != want {
			t.Error(cmp.Diff(want, got))
		}
	}
}

func FuzzEncodeString(f *testing.F) {
	for _, s := range []string{"", "plain", `"quoted\"`, "a\nb\x7f\x00", "é\u2028\u2029😀", "\xff\xc3", "<&>", `\`, `ends with "`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := encoded(t, &s), standard(t, s); got != want {
			t.Errorf("%q is written %s, want %s", s, got, want)
		}
	})
}

// A list that several processors write is the one that one writes.
func TestEncodeLongLists(t *testing.T) {
	for _, n := range []int{0, 1, longList - 1, longList, longList + 1, 5*longList + 17} {
		tr := downloads(n)
		if got, want := encoded(t, tr), standard(t, tr); got != want {
			t.Errorf("%d requests: %d bytes, want %d", n, len(got), len(want))
		}
	}
	tr := downloads(3 * longList)
	tr.Requests[2*longList].StartedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if encode(io.Discard, tr) == nil {
		t.Error("no error for a time that RFC 3339 has not")
	}
}

// A document is written in pieces, and the first error is told.
func TestEncodeFailures(t *testing.T) {
	long := &trace.Trace{NotSeen: make([]string, 3*flushSize)}
	w := &limited{left: flushSize * 3 / 2}
	if err := encode(w, long); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v", err)
	}
	if w.writes != 2 {
		t.Errorf("%d writes", w.writes)
	}
	year := &trace.Command{StartedAt: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if encode(io.Discard, year) == nil {
		t.Error("no error for a time that RFC 3339 has not")
	}
	if bad := (&struct {
		F func() `json:"f"`
	}{}); encode(io.Discard, bad) == nil {
		t.Error("no error for a function")
	}
}

// limited takes so many bytes and then fails.
type limited struct{ left, writes int }

func (w *limited) Write(b []byte) (int, error) {
	w.writes++
	if w.left -= len(b); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}
