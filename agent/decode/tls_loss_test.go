package decode

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// without returns the tape with n bytes of a direction not observed, from
// offset at on.
func (t *tlsTape) without(d flow.Dir, at, n int) *tlsTape {
	out := &tlsTape{}
	position := 0
	for _, e := range t.events {
		if e.secret != nil || e.dir != d {
			out.events = append(out.events, e)
			continue
		}
		from := min(max(at-position, 0), len(e.b))
		to := min(max(at+n-position, 0), len(e.b))
		position += len(e.b)
		if from == to {
			out.events = append(out.events, e)
			continue
		}
		out.events = append(out.events, taped{dir: d, b: e.b[:from]},
			taped{dir: d, gap: to - from}, taped{dir: d, b: e.b[to:]})
	}
	return out
}

// length is how many bytes of a direction are on the tape.
func (t *tlsTape) length(d flow.Dir) (n int) {
	for _, e := range t.events {
		if e.dir == d {
			n += len(e.b)
		}
	}
	return n
}

// TestTLSLoss: wherever bytes are missing, what follows is read again, after a
// gap, and nothing that was not sent is made up.
func TestTLSLoss(t *testing.T) {
	request, answer := bodies()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client, server := configs(t)
		client.MaxVersion = version
		tape, err := dialogue(t, client, server, request, answer)
		if err != nil {
			t.Fatal(err)
		}
		total := tape.length(flow.ToClient)
		for _, n := range []int{1, 3, 100, 1448, 20000, 60000} {
			for at := 3000; at < total-n-20000; at += 7919 {
				t.Run(fmt.Sprintf("%s, %d at %d", tls.VersionName(version), n, at), func(t *testing.T) {
					lost := tape.without(flow.ToClient, at, n)
					p := lost.play(playing{secrets: "before", chunk: 1448, seed: uint64(at)})
					checkLoss(t, p, request, answer, n)
					if diff := difference(p, lost.play(playing{secrets: "live", chunk: 1448, seed: uint64(at)})); diff != "" {
						t.Errorf("live differs from its recording:\n%s", diff)
					}
				})
			}
		}
	}
}

// maxRecordsLost is what may be missing beside the lost bytes: the records
// that they cut at either end.
const maxRecordsLost = 2 * (recordHeader + maxRecordBody)

func checkLoss(t *testing.T, p played, request, answer []byte, lost int) {
	t.Helper()
	if len(p.Inner) != 1 || !bytes.Equal(p.Inner[0].Data_[flow.ToServer], request) {
		t.Fatal("the other direction was not read")
	}
	in := p.Inner[0]
	got := in.Data_[flow.ToClient]
	prefix := 0
	for prefix < len(got) && got[prefix] == answer[prefix] {
		prefix++
	}
	if !bytes.HasSuffix(answer, got[prefix:]) {
		t.Fatalf("%d bytes read that are not the rest of the answer", len(got)-prefix)
	}
	missing := len(answer) - len(got)
	if missing > lost+maxRecordsLost {
		t.Errorf("%d bytes missing after a loss of %d", missing, lost)
	}
	told := uint64(0)
	for _, n := range in.Gaps[flow.ToClient] {
		told += n
	}
	if told == 0 || told > uint64(missing+200) || int(told) < missing-200 {
		t.Errorf("gaps of %d bytes told, %d are missing", told, missing)
	}
	if len(in.Ends[flow.ToClient]) != 1 {
		t.Errorf("ends %v", in.Ends)
	}
}

// TestTLSLostStep: where the step from one epoch to the next was lost, its
// keys are found by trial.
func TestTLSLostStep(t *testing.T) {
	request, answer := bodies()
	tests := []struct {
		version uint16
		dir     flow.Dir
		at, n   int
	}{
		{tls.VersionTLS13, flow.ToClient, 150, 700},  // EncryptedExtensions to Finished
		{tls.VersionTLS12, flow.ToClient, 400, 400},  // Certificate to Finished
		{tls.VersionTLS13, flow.ToClient, 150, 4000}, // and the first application data
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %d at %d", tls.VersionName(test.version), test.n, test.at), func(t *testing.T) {
			client, server := configs(t)
			client.MaxVersion = test.version
			client.CurvePreferences = []tls.CurveID{tls.X25519} // a short ServerHello
			tape, err := dialogue(t, client, server, request, answer)
			if err != nil {
				t.Fatal(err)
			}
			p := tape.without(test.dir, test.at, test.n).play(playing{secrets: "before"})
			if len(p.Inner) != 1 {
				t.Fatalf("%d streams inside", len(p.Inner))
			}
			got := p.Inner[0].Data_[flow.ToClient]
			if len(got) < len(answer)-maxRecordsLost || !bytes.HasSuffix(answer, got) {
				t.Errorf("%d of %d bytes read", len(got), len(answer))
			}
		})
	}
}

// TestTLSPartialHello: of a ClientHello whose second half never came the first
// half is told.
func TestTLSPartialHello(t *testing.T) {
	client, server := configs(t)
	tape, _ := dialogue(t, client, server, []byte("request"), nil)
	hello := tape.events[0].b
	tape.events = []taped{{b: hello[:len(hello)-20]}}
	f := tape.play(playing{chunk: 100}).Facts
	if f.ClientRandom == "" || f.JA3 != "" || f.ClientHelloBytes != 0 || len(f.Frames) != 1 {
		t.Errorf("facts %+v", f)
	}
}
