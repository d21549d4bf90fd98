package report

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Schema returns the JSON Schema (draft 2020-12) of the JSON report, made from
// the Go types so that the two cannot drift apart. docs/report.schema.json is
// its text.
func Schema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[trace.Trace]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "gopx-trace report"
	props := s["properties"].(map[string]any)
	props["schema"] = map[string]any{"const": trace.Schema}
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// schemaOf describes a type as encoding/json writes it. Unknown keys stay
// allowed: keys may be added within a version of the report.
func schemaOf(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[trace.Millis]():
		return map[string]any{"type": "number"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return schemaOfStruct(t)
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	default:
		return map[string]any{"type": "integer"}
	}
}

func schemaOfStruct(t reflect.Type) map[string]any {
	props, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		props[name] = schemaOf(f.Type)
		if !strings.Contains(opts, "omit") {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": props, "required": required}
}
