package pcapfile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// The first byte of the value of a custom option in a statistics block, behind
// the magic.
const (
	morePart = '+'
	lastPart = '='
)

// maxEnvelope bounds the JSON of an event in bytes, so that its block stays
// below maxBlock.
const maxEnvelope = 16 << 20

// Types of envelopes. That of an event is the name of its Go type in lower
// case; begin is no event: it opens a recording.
const (
	typeBegin       = "begin"
	typeSecret      = "secret"
	typeProcess     = "process"
	typeSocket      = "socket"
	typeCommand     = "command"
	typeExit        = "exit"
	typeEnvironment = "environment"
	typeLost        = "lost"
	typeCut         = "cut"
	typeNotSeen     = "notseen"
)

// envelope is the JSON in a statistics block.
type envelope struct {
	Type  string          `json:"type"`
	Event json.RawMessage `json:"event,omitempty"`
}

// secretReference is the event of a secret: where it stands in the key log.
// Only what does not fit into a key log stands here itself.
type secretReference struct {
	Time time.Time `json:"time"`
	// Line counts the secrets of the recording from 0.
	Line   *int    `json:"line,omitempty"`
	PID    uint32  `json:"pid,omitempty"`
	From   string  `json:"from,omitempty"`
	Inline *secret `json:"inline,omitempty"`
}

type secret struct {
	Label        string `json:"label"`
	ClientRandom []byte `json:"client_random"`
	Secret       []byte `json:"secret"`
}

// seal returns the JSON of an event of one of the types that eventType knows,
// or of a secretReference.
func seal(kind string, event any) ([]byte, error) {
	inner, err := json.Marshal(recoded(event, escape))
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(envelope{Type: kind, Event: inner})
	if err == nil && len(b) > maxEnvelope {
		err = fmt.Errorf("an event of type %s has %d bytes, the limit is %d", kind, len(b), maxEnvelope)
	}
	return b, err
}

// open returns the event in an envelope, nil for a begin.
func (r *ngReader) open(b []byte) (capture.Event, error) {
	var env envelope
	if err := json.Unmarshal(b, &env); err != nil {
		return nil, err
	}
	switch env.Type {
	case typeBegin:
		r.recording = true
		return nil, nil
	case typeSecret:
		return r.openSecret(env.Event)
	}
	event := newEvent(env.Type)
	if event == nil {
		return nil, fmt.Errorf("unknown type %q", env.Type)
	}
	if err := json.Unmarshal(env.Event, event); err != nil {
		return nil, err
	}
	return recoded(event, unescape).(capture.Event), nil
}

func (r *ngReader) openSecret(b []byte) (capture.Event, error) {
	ref := &secretReference{}
	if err := json.Unmarshal(b, ref); err != nil {
		return nil, err
	}
	ref = recoded(ref, unescape).(*secretReference)
	s, ok := capture.Secret{}, ref.Inline != nil
	switch {
	case ok:
		s = capture.Secret{Label: ref.Inline.Label, ClientRandom: ref.Inline.ClientRandom, Secret: ref.Inline.Secret}
	case ref.Line != nil:
		s, ok = r.secrets.keptLine(*ref.Line)
	}
	if !ok && r.secrets.full {
		return nil, nil // it was delivered ahead of its time
	}
	if !ok {
		return nil, fmt.Errorf("a TLS secret is not in the file")
	}
	s.Time, s.PID, s.From = ref.Time, ref.PID, ref.From
	return &s, nil
}

// newEvent returns an event to decode into, nil for an unknown type.
func newEvent(kind string) capture.Event {
	switch kind {
	case typeProcess:
		return &capture.Process{}
	case typeSocket:
		return &capture.Socket{}
	case typeCommand:
		return &capture.Command{}
	case typeExit:
		return &capture.Exit{}
	case typeEnvironment:
		return &capture.Environment{}
	case typeLost:
		return &capture.Lost{}
	case typeCut:
		return &capture.Cut{}
	case typeNotSeen:
		return &capture.NotSeen{}
	}
	return nil
}

// eventType is the inverse of newEvent; empty for events that have no envelope.
func eventType(e capture.Event) string {
	switch e.(type) {
	case *capture.Process:
		return typeProcess
	case *capture.Socket:
		return typeSocket
	case *capture.Command:
		return typeCommand
	case *capture.Exit:
		return typeExit
	case *capture.Environment:
		return typeEnvironment
	case *capture.Lost:
		return typeLost
	case *capture.Cut:
		return typeCut
	case *capture.NotSeen:
		return typeNotSeen
	}
	return ""
}

// recoded returns a copy of v, a pointer to an event, in which each string is
// replaced by recode of it and each time is in UTC.
func recoded(v any, recode func(string) string) any {
	return recodedValue(reflect.ValueOf(v), recode).Interface()
}

func recodedValue(v reflect.Value, recode func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		out.Set(reflect.ValueOf(v.Interface().(time.Time).UTC()))
	case v.Kind() == reflect.String:
		out.SetString(recode(v.String()))
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(recodedValue(v.Elem(), recode))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(recodedValue(v.Field(i), recode))
			}
		}
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(recodedValue(v.Index(i), recode))
		}
	case v.Kind() == reflect.Map && !v.IsNil():
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for k, e := range v.Seq2() {
			out.SetMapIndex(recodedValue(k, recode), recodedValue(e, recode))
		}
	}
	return out
}
