package report

import (
	"reflect"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// rewrite deep-copies a trace, passing every string through f with the name of
// the field that holds it. Nil slices become empty ones.
func rewrite(t *trace.Trace, f func(field, s string) string) *trace.Trace {
	r := rewriter{f: f}
	return r.copy("", reflect.ValueOf(t)).Interface().(*trace.Trace)
}

type rewriter struct {
	f func(field, s string) string
}

// copy returns a deep copy of v. Unexported fields are copied as they are.
func (r *rewriter) copy(field string, v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		return r.text(field, v)
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(r.copy(field, v.Elem()))
		return p
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(r.copy(field, v.Index(i)))
		}
		return s
	case reflect.Map:
		return r.table(v)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return v
		}
		return r.record(v)
	}
	return v
}

func (r *rewriter) text(field string, v reflect.Value) reflect.Value {
	n := reflect.New(v.Type()).Elem()
	n.SetString(r.f(field, v.String()))
	return n
}

// table copies a map; the key is the field name of its value.
func (r *rewriter) table(v reflect.Value) reflect.Value {
	m := reflect.MakeMapWithSize(v.Type(), v.Len())
	for _, k := range v.MapKeys() {
		name := ""
		if k.Kind() == reflect.String {
			name = k.String()
		}
		m.SetMapIndex(k, r.copy(name, v.MapIndex(k)))
	}
	return m
}

func (r *rewriter) record(v reflect.Value) reflect.Value {
	n := reflect.New(v.Type()).Elem()
	n.Set(v)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			n.Field(i).Set(r.copy(f.Name, v.Field(i)))
		}
	}
	return n
}
