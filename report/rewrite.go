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
}

type field struct {
	index int
	name  string
}

// complete returns a deep copy whose lists are [] rather than null, so that a
// script can loop over them without asking.
func complete(t *trace.Trace) *trace.Trace {
	w := &walker{fields: map[reflect.Type][]field{}}
	c := *t
	w.separate(reflect.ValueOf(&c).Elem())
	return &c
}

// edit passes every string of a trace through f, with the name of the field
// (of a map: the key) that holds it, in place.
func edit(t *trace.Trace, f func(field, s string) string) {
	w := &walker{fields: map[reflect.Type][]field{}}
	w.edit("", reflect.ValueOf(t).Elem(), f)
}

// separate replaces what v points to by copies. v is a copy of its own.
func (w *walker) separate(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(v.Elem())
			w.separate(p.Elem())
			v.Set(p)
		}
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(s, v)
		if enters(v.Type().Elem()) {
			for i := range s.Len() {
				w.separate(s.Index(i))
			}
		}
		v.Set(s)
	case reflect.Map:
		m := reflect.MakeMapWithSize(v.Type(), v.Len())
		for i := v.MapRange(); i.Next(); {
			m.SetMapIndex(i.Key(), i.Value())
		}
		v.Set(m)
	case reflect.Struct:
		for _, f := range w.of(v.Type()) {
			w.separate(v.Field(f.index))
		}
	}
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
			list = append(list, field{i, f.Name})
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
