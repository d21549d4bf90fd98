package report

import (
	"reflect"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// walker goes through a trace by reflection: whatever field is added to it is
// copied and masked without a further line of code.
type walker struct {
	// fields are those of each struct type that the walk has to enter.
	fields map[reflect.Type][]field
	// none are empty lists by their type.
	none map[reflect.Type]reflect.Value
}

type field struct {
	index int
	name  string
	// leaf is set for a string.
	leaf bool
}

func newWalker() *walker {
	return &walker{fields: map[reflect.Type][]field{}, none: map[reflect.Type]reflect.Value{}}
}

// complete returns a copy of which every string can be changed, and whose lists
// are [] rather than null, so that a script can loop over them without asking.
// Lists of numbers and bytes are shared with the original.
func complete(t *trace.Trace) *trace.Trace {
	c := *t
	newWalker().separate(reflect.ValueOf(&c).Elem(), reflect.ValueOf(t).Elem())
	return &c
}

// edit passes every string of a trace through f, with the name of the field
// (of a map: the key) that holds it, in place.
func edit(t *trace.Trace, f func(field, s string) string) {
	newWalker().edit("", reflect.ValueOf(t).Elem(), f)
}

// separate replaces what v points to by copies. v is a copy of original.
func (w *walker) separate(v, original reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			w.copy(p.Elem(), original.Elem())
			v.Set(p)
		}
	case reflect.Slice:
		w.list(v, original)
	case reflect.Map:
		m := reflect.MakeMapWithSize(v.Type(), v.Len())
		for i := v.MapRange(); i.Next(); {
			m.SetMapIndex(i.Key(), i.Value())
		}
		v.Set(m)
	case reflect.Struct:
		for _, f := range w.of(v.Type()) {
			if !f.leaf {
				w.separate(v.Field(f.index), original.Field(f.index))
			}
		}
	}
}

// copy is an assignment to v after which the two share nothing.
func (w *walker) copy(v, original reflect.Value) {
	v.Set(original)
	w.separate(v, original)
}

// list is separate for a list.
func (w *walker) list(v, original reflect.Value) {
	n, element := original.Len(), v.Type().Elem()
	switch {
	case n == 0:
		v.Set(w.empty(v.Type()))
		return
	case !enters(element):
		return
	}
	v.SetZero()
	v.Grow(n)
	v.SetLen(n)
	reflect.Copy(v, original)
	switch element.Kind() {
	case reflect.String:
	case reflect.Pointer: // one allocation for all that the pointers lead to
		all := reflect.MakeSlice(reflect.SliceOf(element.Elem()), n, n)
		for i := range n {
			if from := original.Index(i); !from.IsNil() {
				w.copy(all.Index(i), from.Elem())
				v.Index(i).Set(all.Index(i).Addr())
			}
		}
	default:
		for i := range n {
			w.separate(v.Index(i), original.Index(i))
		}
	}
}

// empty returns the list of a type that has no elements.
func (w *walker) empty(t reflect.Type) reflect.Value {
	v, ok := w.none[t]
	if !ok {
		v = reflect.MakeSlice(t, 0, 0)
		w.none[t] = v
	}
	return v
}

func (w *walker) edit(name string, v reflect.Value, f func(field, s string) string) {
	switch v.Kind() {
	case reflect.String:
		if was := v.String(); was != "" {
			if s := f(name, was); s != was {
				v.SetString(s)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			w.edit(name, v.Elem(), f)
		}
	case reflect.Slice:
		if enters(v.Type().Elem()) {
			for i := range v.Len() {
				w.edit(name, v.Index(i), f)
			}
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(i.Value())
			w.edit(key(i.Key()), value, f)
			v.SetMapIndex(i.Key(), value)
		}
	case reflect.Struct:
		for _, x := range w.of(v.Type()) {
			w.edit(x.name, v.Field(x.index), f)
		}
	}
}

func key(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return v.String()
	}
	return ""
}

// of returns the fields of a struct type that can hold a string or a list.
func (w *walker) of(t reflect.Type) []field {
	list, known := w.fields[t]
	if known {
		return list
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && enters(f.Type) {
			list = append(list, field{i, f.Name, f.Type.Kind() == reflect.String})
		}
	}
	w.fields[t] = list
	return list
}

// enters tells whether the walk has anything to do in a value of the type.
func enters(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Pointer, reflect.Slice, reflect.Map:
		return true
	case reflect.Struct:
		return t != reflect.TypeFor[time.Time]()
	}
	return false
}
