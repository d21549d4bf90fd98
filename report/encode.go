package report

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

const (
	// flushSize is how many bytes of a document are collected before they are
	// written.
	flushSize = 64 << 10
	// longList is the length from which a list is written by all processors.
	longList = 1024
	// portion is how many elements of it one of them writes at a time.
	portion = 128
)

// encoder writes a value as [json.Encoder] with an indentation of two blanks and
// without the escapes for HTML does, byte for byte, but in one pass and in
// pieces: the report of a run with many requests has tens of megabytes, which
// encoding/json would make whole, compact, and then once more, indented.
//
// It knows the types that such a report is full of and leaves others, maps
// among them, to encoding/json.
type encoder struct {
	w     io.Writer
	b     []byte
	err   error
	known map[reflect.Type]appender
}

// appender appends a value, whose lines begin at a depth of indentation.
type appender func(e *encoder, v reflect.Value, depth int)

// encode writes the value that p points to, and a line end.
func encode(w io.Writer, p any) error {
	e := &encoder{w: w, known: map[reflect.Type]appender{}}
	v := reflect.ValueOf(p).Elem()
	e.of(v.Type())(e, v, 0)
	e.b = append(e.b, '\n')
	e.flush()
	return e.err
}

// flush writes what was collected; after an error it is only dropped. An encoder
// without a writer keeps it.
func (e *encoder) flush() {
	if e.w == nil {
		return
	}
	if e.err == nil {
		_, e.err = e.w.Write(e.b)
	}
	e.b = e.b[:0]
}

// fail keeps the first error.
func (e *encoder) fail(err error) {
	if e.err == nil && err != nil {
		e.err = err
	}
}

// of returns what appends values of a type.
func (e *encoder) of(t reflect.Type) appender {
	a := e.known[t]
	if a == nil {
		a = e.appender(t)
		e.known[t] = a
	}
	return a
}

func (e *encoder) appender(t reflect.Type) appender {
	switch t {
	case reflect.TypeFor[time.Time]():
		return (*encoder).time
	case reflect.TypeFor[trace.Millis]():
		return func(e *encoder, v reflect.Value, _ int) { e.b = trace.Millis(v.Float()).AppendTo(e.b) }
	}
	if speaks(t) || speaks(reflect.PointerTo(t)) {
		return (*encoder).other
	}
	switch t.Kind() {
	case reflect.String:
		return func(e *encoder, v reflect.Value, _ int) { e.string(v.String()) }
	case reflect.Bool:
		return func(e *encoder, v reflect.Value, _ int) { e.b = strconv.AppendBool(e.b, v.Bool()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(e *encoder, v reflect.Value, _ int) { e.b = strconv.AppendInt(e.b, v.Int(), 10) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(e *encoder, v reflect.Value, _ int) { e.b = strconv.AppendUint(e.b, v.Uint(), 10) }
	case reflect.Pointer:
		return (*encoder).pointer
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 { // bytes are base64
			return (*encoder).list
		}
	case reflect.Struct:
		if list, ok := e.members(t); ok {
			return func(e *encoder, v reflect.Value, depth int) { e.object(list, v, depth) }
		}
	}
	return (*encoder).other
}

// speaks reports whether a type has a say in how it is written.
func speaks(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]())
}

// other leaves a value to encoding/json.
func (e *encoder) other(v reflect.Value, depth int) {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetIndent(strings.Repeat("  ", depth), "  ")
	j.SetEscapeHTML(false)
	if err := j.Encode(v.Interface()); err != nil {
		e.fail(err)
	}
	e.b = append(e.b, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

func (e *encoder) pointer(v reflect.Value, depth int) {
	if v.IsNil() {
		e.b = append(e.b, "null"...)
		return
	}
	v = v.Elem()
	e.of(v.Type())(e, v, depth)
}

// list appends an array, and writes what there is so far if that is much.
func (e *encoder) list(v reflect.Value, depth int) {
	switch {
	case v.IsNil():
		e.b = append(e.b, "null"...)
		return
	case v.Len() == 0:
		e.b = append(e.b, "[]"...)
		return
	}
	e.b = append(e.b, '[')
	if n := v.Len(); n < longList {
		e.elements(v, 0, n, depth)
	} else {
		e.long(v, depth)
	}
	e.line(depth)
	e.b = append(e.b, ']')
}

// elements appends those of a list from an index on up to another one.
func (e *encoder) elements(v reflect.Value, from, to, depth int) {
	element := e.of(v.Type().Elem())
	for i := from; i < to; i++ {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.line(depth + 1)
		element(e, v.Index(i), depth+1)
		if len(e.b) >= flushSize {
			e.flush()
		}
	}
}

// long is elements for all of a long list, which processors take in turns. The
// command has ended: none of them has anything else to do.
func (e *encoder) long(v reflect.Value, depth int) {
	turns := make([]struct{ full, empty chan *encoder }, runtime.GOMAXPROCS(0))
	for turn := range turns {
		t := &turns[turn]
		t.full, t.empty = make(chan *encoder, 2), make(chan *encoder, 2)
		for range cap(t.empty) {
			t.empty <- &encoder{known: map[reflect.Type]appender{}}
		}
		go func() {
			for from := turn * portion; from < v.Len(); from += portion * len(turns) {
				part := <-t.empty
				part.elements(v, from, min(from+portion, v.Len()), depth)
				t.full <- part
			}
		}()
	}
	for i := 0; i*portion < v.Len(); i++ {
		t := &turns[i%len(turns)]
		part := <-t.full
		e.fail(part.err)
		e.b, part.b = append(e.b, part.b...), part.b[:0]
		t.empty <- part
		if len(e.b) >= flushSize {
			e.flush()
		}
	}
}

// line begins a line.
func (e *encoder) line(depth int) {
	e.b = append(e.b, '\n')
	for range depth {
		e.b = append(e.b, "  "...)
	}
}

// member is a field of a struct.
type member struct {
	index int
	// key is the name as it is written, with the colon.
	key string
	// omitted reports whether the field is left out; nil for one that never is.
	omitted func(reflect.Value) bool
	write   appender
}

// members lists the fields of a struct type; false if a tag or an embedded
// struct asks for more than is known here.
func (e *encoder) members(t reflect.Type) ([]member, bool) {
	var list []member
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() && !f.Anonymous || tag == "-" {
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		omitted, ok := omission(f.Type, rest)
		if f.Anonymous || name == "" || !ok {
			return nil, false
		}
		list = append(list, member{i, strconv.Quote(name) + ": ", omitted, e.of(f.Type)})
	}
	return list, true
}

// omission returns what the options of a tag say about leaving a field out;
// false if one is not known.
func omission(t reflect.Type, options string) (omitted func(reflect.Value) bool, ok bool) {
	switch {
	case options == "":
		return nil, true
	case options == "omitzero" && t == reflect.TypeFor[time.Time]():
		return func(v reflect.Value) bool { return moment(v).IsZero() }, true
	case options != "omitempty":
		return nil, false
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return func(v reflect.Value) bool { return v.Len() == 0 }, true
	case reflect.Struct:
		return nil, true // a struct is never empty
	}
	return reflect.Value.IsZero, t.Kind() != reflect.Array
}

// object appends a struct.
func (e *encoder) object(list []member, v reflect.Value, depth int) {
	e.b = append(e.b, '{')
	empty := true
	for i := range list {
		m := &list[i]
		field := v.Field(m.index)
		if m.omitted != nil && m.omitted(field) {
			continue
		}
		if !empty {
			e.b = append(e.b, ',')
		}
		empty = false
		e.line(depth + 1)
		e.b = append(e.b, m.key...)
		m.write(e, field, depth+1)
	}
	if !empty {
		e.line(depth)
	}
	e.b = append(e.b, '}')
}

// moment is the time in v.
func moment(v reflect.Value) *time.Time { return v.Addr().Interface().(*time.Time) }

func (e *encoder) time(v reflect.Value, _ int) {
	b, err := moment(v).AppendText(append(e.b, '"'))
	if err != nil {
		e.fail(err)
		return
	}
	e.b = append(b, '"')
}

// string appends a string. Those with more than ASCII in them are rare.
func (e *encoder) string(s string) {
	e.b = append(slices.Grow(e.b, len(s)+2), '"')
	start, from := len(e.b), 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			e.b = append(append(e.b, s[from:i]...), '\\')
			from = i
		case c < ' ' || c >= 0x80:
			e.b = e.b[:start-1]
			e.other(reflect.ValueOf(s), 0)
			return
		}
	}
	e.b = append(append(e.b, s[from:]...), '"')
}
