package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// fileBuilder builds capture files field by field, independently of the writer.
type fileBuilder struct {
	binary.AppendByteOrder
	b []byte
}

func (f *fileBuilder) put(values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case uint8:
			f.b = append(f.b, v)
		case uint16:
			f.b = f.AppendUint16(f.b, v)
		case uint32:
			f.b = f.AppendUint32(f.b, v)
		case uint64:
			f.b = f.AppendUint64(f.b, v)
		case string:
			f.b = append(f.b, v...)
		case []byte:
			f.b = append(f.b, v...)
		default:
			panic("fileBuilder: unknown type")
		}
	}
}

// block adds a pcapng block with those fields in its body.
func (f *fileBuilder) block(kind uint32, values ...any) {
	body := fileBuilder{AppendByteOrder: f.AppendByteOrder}
	body.put(values...)
	for len(body.b)%4 != 0 {
		body.b = append(body.b, 0)
	}
	total := uint32(12 + len(body.b))
	f.put(kind, total, body.b, total)
}

func (f *fileBuilder) option(code uint16, values ...any) []byte {
	value := fileBuilder{AppendByteOrder: f.AppendByteOrder}
	value.put(values...)
	o := fileBuilder{AppendByteOrder: f.AppendByteOrder}
	o.put(code, uint16(len(value.b)), value.b)
	for len(o.b)%4 != 0 {
		o.b = append(o.b, 0)
	}
	return o.b
}

func (f *fileBuilder) section() {
	f.block(0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(1), uint16(0), uint64(1<<64-1))
}

func (f *fileBuilder) iface(link uint16, snap uint32, options ...any) {
	f.block(1, append([]any{link, uint16(0), snap}, options...)...)
}

// enhanced adds an Enhanced Packet Block.
func (f *fileBuilder) enhanced(iface uint32, stamp uint64, data string, length uint32, options ...any) {
	pad := make([]byte, (4-len(data)%4)%4)
	f.block(6, append([]any{iface, uint32(stamp >> 32), uint32(stamp), uint32(len(data)), length, data, pad}, options...)...)
}

// seen is what a test compares of a packet.
type seen struct {
	Frame  int
	Link   capture.LinkType
	Data   string
	Length int
	Time   time.Time
	Dir    capture.Direction
}

// readAll returns copies of all events and the error that ended them.
func readAll(t testing.TB, file []byte) ([]capture.Event, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return drain(t, r)
}

func drain(t testing.TB, r *Reader) ([]capture.Event, error) {
	t.Helper()
	var events []capture.Event
	for {
		e, err := r.Next()
		if err != nil {
			if _, again := r.Next(); again != err {
				t.Errorf("Next after %v: %v", err, again)
			}
			return events, err
		}
		if p, ok := e.(*capture.Packet); ok {
			c := *p
			c.Data = bytes.Clone(p.Data)
			e = &c
		}
		events = append(events, e)
	}
}

// packetsOf returns the packets among events.
func packetsOf(events []capture.Event) []seen {
	var all []seen
	for _, e := range events {
		if p, ok := e.(*capture.Packet); ok {
			all = append(all, seen{p.Frame, p.Link, string(p.Data), p.Length, p.Time, p.Direction})
		}
	}
	return all
}

func bothOrders(t *testing.T, test func(t *testing.T, f *fileBuilder)) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		t.Run(order.String(), func(t *testing.T) { test(t, &fileBuilder{AppendByteOrder: order}) })
	}
}

func wantEOF(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, io.EOF) {
		t.Fatalf("the file ended with %v, want EOF", err)
	}
}

func wantCut(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("the file ended with %v, want ErrUnexpectedEOF", err)
	}
}
