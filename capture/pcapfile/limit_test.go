package pcapfile

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

// TestMaxBytes records five times more than the maximum size, with packets
// below and above the limit of small ones, secrets and other events between.
func TestMaxBytes(t *testing.T) {
	const limit = 4 << 20
	random := newRandomEvents(11)
	w, path := mustCreate(t, Options{MaxBytes: limit})
	var want []capture.Event
	for written := 0; written < 5*limit; {
		var e capture.Event
		if random.IntN(10) == 0 {
			e = random.next()
		} else {
			e = random.packet()
		}
		if p, ok := e.(*capture.Packet); ok {
			written += len(p.Data)
		}
		if random.IntN(2) == 0 {
			random.packetSize = 20 // little else than headers can stay
		} else {
			random.packetSize = 6000
		}
		want = append(want, e)
		mustWrite(t, w, e)
		if st, err := os.Stat(path); err != nil || st.Size() > limit {
			t.Fatalf("size %d, %v", st.Size(), err)
		}
	}
	mustClose(t, w)
	packets, missing := w.Cut()
	got := mustRead(t, path)
	checkCut(t, want, got, packets, missing)
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}

// checkCut compares what was written with what was read of a recording that was
// cut, and the cut with what the writer says of it.
func checkCut(t *testing.T, want, got []capture.Event, packets, missing uint64) {
	t.Helper()
	var told, found capture.Cut
	uncut := -1 // index of the first big packet that is whole
	for i := 0; len(got) > 0; got = got[1:] {
		if i < len(want) && reflect.DeepEqual(want[i], got[0]) {
			if p, ok := got[0].(*capture.Packet); ok && len(p.Data) > smallPacket && uncut < 0 {
				uncut = i
			}
			i++
			continue
		}
		if c, ok := got[0].(*capture.Cut); ok {
			told.Packets += c.Packets
			told.Bytes += c.Bytes
			continue
		}
		p, ok := got[0].(*capture.Packet)
		if !ok || i == len(want) {
			t.Fatalf("event %d: %+v was never written", i, got[0])
		}
		whole, ok := want[i].(*capture.Packet)
		if !ok || len(p.Data) != cutLength || !bytes.Equal(p.Data, whole.Data[:cutLength]) {
			t.Fatalf("event %d: packet of %d bytes in place of %T", i, len(p.Data), want[i])
		}
		if len(whole.Data) > smallPacket && uncut >= 0 {
			t.Fatalf("event %d was cut, though the older %d was not", i, uncut)
		}
		if len(whole.Data) <= smallPacket && uncut >= 0 {
			t.Fatalf("event %d, a small packet, was cut, though there is a big one at %d", i, uncut)
		}
		found.Packets++
		found.Bytes += uint64(len(whole.Data) - len(p.Data))
		p.Data = whole.Data
		if !reflect.DeepEqual(whole, p) {
			t.Fatalf("event %d: more than the data changed: %s", i, cmp.Diff(whole, p))
		}
		i++
	}
	if found.Packets == 0 {
		t.Error("nothing was cut: this test tests nothing")
	}
	if found != told || found.Packets != packets || found.Bytes != missing {
		t.Errorf("cut %+v; the recording says %+v, the writer %d packets, %d bytes", found, told, packets, missing)
	}
}

// TestSmallPacketsLast fills a recording with small packets behind big ones.
func TestSmallPacketsLast(t *testing.T) {
	random := newRandomEvents(12)
	w, path := mustCreate(t, Options{MaxBytes: MinMaxBytes})
	var want []capture.Event
	write := func(n, size int) {
		for range n {
			p := &capture.Packet{Time: random.clock, Link: capture.LinkRaw, Data: random.bytes(size), Length: size, Frame: len(want) + 1}
			want = append(want, p)
			mustWrite(t, w, p)
		}
	}
	write(1000, 400)
	write(200, 2000)
	if n, _ := w.Cut(); n != 0 {
		t.Fatalf("%d packets cut too early", n)
	}
	write(150, 2000)
	for i, e := range mustRead(t, path) {
		if p, ok := e.(*capture.Packet); ok && p.Length == 400 && len(p.Data) != 400 {
			t.Fatalf("event %d: a small packet was cut while there are big ones", i)
		}
	}
	write(2000, 400)
	mustClose(t, w)
	packets, missing := w.Cut()
	checkCutKinds(t, mustRead(t, path), packets, missing)
}

func checkCutKinds(t *testing.T, events []capture.Event, packets, missing uint64) {
	t.Helper()
	cut := map[int]uint64{} // by original length
	var bytes uint64
	for _, e := range events {
		if p, ok := e.(*capture.Packet); ok && len(p.Data) < p.Length {
			cut[p.Length]++
			bytes += uint64(p.Length - len(p.Data))
		}
	}
	if cut[2000] != 350 || cut[400] == 0 || cut[400] == 3000 {
		t.Errorf("cut %v, want all 350 big ones and some small ones", cut)
	}
	if cut[400]+cut[2000] != packets || bytes != missing {
		t.Errorf("the writer says %d packets, %d bytes; cut %v, %d bytes", packets, missing, cut, bytes)
	}
}

// TestFull goes on when nothing is left to cut: later packets are missing, the
// frame numbers of the others stay, and the end of the command is there.
func TestFull(t *testing.T) {
	w, path := mustCreate(t, Options{MaxBytes: MinMaxBytes})
	now := time.Unix(1700000000, 0).UTC()
	const n = 20000
	for i := range n {
		mustWrite(t, w, &capture.Packet{Time: now, Link: capture.LinkRaw, Data: make([]byte, 100+i%50), Length: 150})
		mustWrite(t, w, &capture.Socket{Time: now, Kind: capture.SocketCreate, Cookie: uint64(i)})
	}
	mustWrite(t, w, &capture.Exit{Time: now, Code: 3})
	mustClose(t, w)
	if st, err := os.Stat(path); err != nil || st.Size() > MinMaxBytes {
		t.Errorf("size %d, %v", st.Size(), err)
	}
	var packets, omitted uint64
	counts := map[string]int{}
	for _, e := range mustRead(t, path) {
		counts[eventType(e)]++
		switch e := e.(type) {
		case *capture.Packet:
			packets++
		case *capture.Cut:
			omitted += e.Packets
		}
	}
	if cut, _ := w.Cut(); cut != omitted || packets+omitted < n || packets == 0 {
		t.Errorf("%d packets recorded, %d told to be cut or missing, by the writer %d", packets, omitted, cut)
	}
	if counts[typeExit] != 1 || counts[typeNotSeen] != 1 {
		t.Errorf("events %v, want the exit and one word about those that are missing", counts)
	}
}

// TestFullOfSecrets records more secrets than the maximum size has room for:
// those that are read are the right ones, in order.
func TestFullOfSecrets(t *testing.T) {
	w, path := mustCreate(t, Options{MaxBytes: MinMaxBytes})
	random := newRandomEvents(61)
	var want []capture.Event
	for range 8000 {
		s := random.secret()
		want = append(want, s)
		mustWrite(t, w, s)
		if random.IntN(4) == 0 {
			p := random.packet()
			want = append(want, p)
			mustWrite(t, w, p)
		}
	}
	mustClose(t, w)
	if st, err := os.Stat(path); err != nil || st.Size() > MinMaxBytes {
		t.Errorf("size %d, %v", st.Size(), err)
	}
	n := 0
	for _, e := range mustRead(t, path) {
		if s, ok := e.(*capture.Secret); !ok || isLeftover(s) {
			continue
		}
		n++
		for len(want) > 0 && !reflect.DeepEqual(want[0], e) {
			want = want[1:]
		}
		if len(want) == 0 {
			t.Fatalf("secret %d was never written, or not there: %+v", n, e)
		}
	}
	if n < 1000 || n == 8000 {
		t.Errorf("%d of 8000 secrets are left: this test tests nothing", n)
	}
}
