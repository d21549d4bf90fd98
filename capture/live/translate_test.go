//go:build linux

package live

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
)

func TestTranslate(t *testing.T) {
	const offset = 1_000_000_000
	at := func(mono int64) time.Time { return time.Unix(0, offset+mono).UTC() }
	local, remote := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("[2001:db8::1]:443")
	random := make([]byte, 32)
	var forked, ended []uint32
	tr := translator{
		offset: offset, from: 100,
		verdict: func(*bpf.Sample) gate.Verdict { return gate.Verdict{TLS: "crypto/tls", Missing: "part"} },
		forked:  func(parent, child uint32) { forked = append(forked, parent, child) },
		ended:   func(pid uint32) { ended = append(ended, pid) },
	}
	for _, tt := range []struct {
		name   string
		sample bpf.Sample
		want   capture.Event
	}{
		{
			"the stub's fork", bpf.Sample{Kind: bpf.KindFork, Time: 98, PID: 4, Process: bpf.Process{Child: 5, Parent: 4}}, nil,
		}, {
			"the stub's exec", bpf.Sample{Kind: bpf.KindExec, Time: 99, PID: 5}, nil,
		}, {
			"exec", bpf.Sample{Kind: bpf.KindExec, Time: 200, PID: 5, Process: bpf.Process{PPID: 4, Exe: "/bin/go", Argv: []byte("go\x00\x00get\x00cu"), ArgvCut: true}},
			&capture.Process{Time: at(200), Kind: capture.Exec, PID: 5, PPID: 4, Exe: "/bin/go", Argv: []string{"go", "", "get"}, ArgvCut: true, TLS: "crypto/tls", Missing: "part"},
		}, {
			"exec of a process that wrote over its arguments", bpf.Sample{Kind: bpf.KindExec, Time: 200, PID: 5, Process: bpf.Process{Exe: "/bin/go", Argv: []byte("go\x00ge")}},
			&capture.Process{Time: at(200), Kind: capture.Exec, PID: 5, Exe: "/bin/go", Argv: []string{"go", "ge"}, TLS: "crypto/tls", Missing: "part"},
		}, {
			"exec, cut between arguments", bpf.Sample{Kind: bpf.KindExec, Time: 200, PID: 5, Process: bpf.Process{Argv: []byte("go\x00get\x00"), ArgvCut: true}},
			&capture.Process{Time: at(200), Kind: capture.Exec, PID: 5, Argv: []string{"go", "get"}, ArgvCut: true, TLS: "crypto/tls", Missing: "part"},
		}, {
			"exec, cut within the first argument", bpf.Sample{Kind: bpf.KindExec, Time: 200, PID: 5, Process: bpf.Process{Argv: []byte("go"), ArgvCut: true}},
			&capture.Process{Time: at(200), Kind: capture.Exec, PID: 5, ArgvCut: true, TLS: "crypto/tls", Missing: "part"},
		}, {
			"fork", bpf.Sample{Kind: bpf.KindFork, Time: 201, PID: 5, Process: bpf.Process{Child: 6, Parent: 5}},
			&capture.Process{Time: at(201), Kind: capture.Fork, PID: 6, PPID: 5},
		}, {
			"exit", bpf.Sample{Kind: bpf.KindExit, Time: 202, PID: 6, Process: bpf.Process{Status: 256}},
			&capture.Process{Time: at(202), Kind: capture.ExitProc, PID: 6, WaitStatus: 256},
		}, {
			"packet out", bpf.Sample{Kind: bpf.KindPacket, Time: 203, PID: 5, Comm: "go", Packet: bpf.Packet{Cookie: 7, Data: []byte("ab"), Length: 9, Outbound: true}},
			&capture.Packet{Time: at(203), Frame: 1, Link: capture.LinkRaw, Data: []byte("ab"), Length: 9, Direction: capture.Outbound, Socket: 7, PID: 5, Comm: "go"},
		}, {
			"packet in", bpf.Sample{Kind: bpf.KindPacket, Time: 204, Packet: bpf.Packet{Data: []byte("ab"), Length: 1}},
			&capture.Packet{Time: at(204), Frame: 2, Link: capture.LinkRaw, Data: []byte("ab"), Length: 2, Direction: capture.Inbound},
		}, {
			"secret", bpf.Sample{Kind: bpf.KindSecret, Time: 205, PID: 5, Secret: bpf.Secret{Label: "L", ClientRandom: random, Secret: []byte("s")}},
			&capture.Secret{Time: at(205), Label: "L", ClientRandom: random, Secret: []byte("s"), PID: 5, From: "crypto/tls"},
		}, {
			"the same secret", bpf.Sample{Kind: bpf.KindSecret, Time: 206, PID: 5, Secret: bpf.Secret{Label: "L", ClientRandom: random, Secret: []byte("s")}}, nil,
		}, {
			"socket", bpf.Sample{Kind: bpf.KindSocketState, Time: 207, PID: 5, Socket: bpf.Socket{Cookie: 7, Type: 1, Protocol: 6, OldState: 2, NewState: 1, Local: local, Remote: remote, SRTT: 3, Retransmits: 4, Errno: 5}},
			&capture.Socket{Time: at(207), Kind: capture.SocketState, Cookie: 7, PID: 5, Type: 1, Protocol: 6, OldState: 2, NewState: 1, Local: local, Remote: remote, SRTT: 3, Retransmits: 4, Errno: 5},
		}, {
			"unknown kind", bpf.Sample{Kind: 200, Time: 208}, nil,
		},
	} {
		if diff := cmp.Diff(tt.want, tr.event(&tt.sample), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
	if !slices.Equal(forked, []uint32{5, 6}) || !slices.Equal(ended, []uint32{6}) {
		t.Errorf("forked: %v, ended: %v", forked, ended)
	}
}

func TestSocketKinds(t *testing.T) {
	seen := map[capture.SocketKind]bool{}
	for k := bpf.KindSocketCreate; k <= bpf.KindSocketError; k++ {
		kind, ok := socketKind(k)
		if !ok || seen[kind] {
			t.Errorf("kind %d: %q, %v", k, kind, ok)
		}
		seen[kind] = true
	}
}

func TestRecentSecretsForget(t *testing.T) {
	var r recentSecrets
	secret := func(n int) *capture.Secret { return &capture.Secret{Label: strconv.Itoa(n)} }
	for n := range maxRecent + 1 {
		if r.add(secret(n)) {
			t.Fatalf("%d is new", n)
		}
	}
	if !r.add(secret(1)) || r.add(secret(0)) || len(r.in) != maxRecent {
		t.Errorf("%d remembered; the oldest one should be forgotten, no other", len(r.in))
	}
}

func TestWallOffset(t *testing.T) {
	tr := translator{offset: wallOffset()}
	if d := time.Since(tr.time(gate.Monotonic())).Abs(); d > 10*time.Millisecond {
		t.Errorf("off by %v", d)
	}
}

func TestQuote(t *testing.T) {
	for want, argv := range map[string][]string{
		"go get m@v1":           {"go", "get", "m@v1"},
		`sh -c 'a b'\''c' ''`:   {"sh", "-c", "a b'c", ""},
		"'$HOME' './a;b' ./a=b": {"$HOME", "./a;b", "./a=b"},
	} {
		if got := Quote(argv); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
