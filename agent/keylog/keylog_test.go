package keylog

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

func random(n uint32) (r [32]byte) {
	binary.BigEndian.PutUint32(r[:], n)
	return r
}

func secret(n uint32, label string) *capture.Secret {
	r := random(n)
	return &capture.Secret{Label: label, ClientRandom: r[:], Secret: []byte("secret")}
}

func TestStore(t *testing.T) {
	s := NewStore()
	woken := 0
	stop := s.Wait(random(1), func() { woken++ })
	again := 0
	s.Wait(random(1), func() { again++ })
	s.Add(secret(2, ServerTraffic))
	s.Add(secret(1, ServerTraffic))
	if woken != 1 || again != 1 {
		t.Errorf("woken %d and %d times, want once each", woken, again)
	}
	stop()
	s.Add(secret(1, ClientTraffic))
	if woken != 1 || again != 2 {
		t.Errorf("woken %d and %d times after the first stopped", woken, again)
	}
	if !bytes.Equal(s.Get(random(1), ServerTraffic), []byte("secret")) || s.Get(random(1), ClientHandshake) != nil {
		t.Error("wrong secrets")
	}
	stop() // twice does no harm
}

// TestStoreStopWhileWoken: a session may stop or wait while it is woken.
func TestStoreStopWhileWoken(t *testing.T) {
	s := NewStore()
	var stop func()
	calls := 0
	stop = s.Wait(random(1), func() {
		calls++
		stop()
		s.Wait(random(1), func() { calls += 10 })
	})
	s.Add(secret(1, ServerTraffic))
	s.Add(secret(1, ClientTraffic))
	if calls != 11 {
		t.Errorf("calls %d, want 11", calls)
	}
}

func TestStoreRefuses(t *testing.T) {
	s := NewStore()
	for _, e := range []*capture.Secret{
		{Label: ServerTraffic, ClientRandom: make([]byte, 31), Secret: []byte("x")},
		{Label: ServerTraffic, ClientRandom: make([]byte, 32), Secret: make([]byte, MaxSecret+1)},
		{Label: "EXPORTER_SECRET", ClientRandom: make([]byte, 32), Secret: []byte("x")},
	} {
		s.Add(e)
	}
	if len(s.secrets) > 0 {
		t.Errorf("%d kept", len(s.secrets))
	}
}

func TestStoreBounds(t *testing.T) {
	s := NewStore()
	for i := range uint32(MaxClients + 10) {
		s.Add(secret(i, ClientRandomLabel))
	}
	if len(s.secrets) != MaxClients || s.Get(random(0), ClientRandomLabel) != nil || s.Get(random(MaxClients+9), ClientRandomLabel) == nil {
		t.Errorf("%d clients kept", len(s.secrets))
	}
	for i := range uint32(MaxSessions + 10) {
		r := random(i)
		s.Remember(r[:], r)
		s.Remember(r[:], r)
	}
	first, last := random(0), random(MaxSessions+9)
	if _, ok := s.Origin(first[:]); ok {
		t.Error("the oldest session is still there")
	}
	if got, ok := s.Origin(last[:]); !ok || got != last {
		t.Error("the newest session is not there")
	}
	if len(s.sessions.origin) != MaxSessions || len(s.sessions.order) != MaxSessions {
		t.Errorf("%d sessions kept, %d in order", len(s.sessions.origin), len(s.sessions.order))
	}
}

func TestStoreNoSession(t *testing.T) {
	s := NewStore()
	s.Remember(nil, random(1))
	if _, ok := s.Origin(nil); ok {
		t.Error("an empty id is a session")
	}
}

func TestStoreHold(t *testing.T) {
	s := NewStore()
	if !s.Hold(MaxHeld) || s.Hold(1) {
		t.Error("wrong bound")
	}
	s.Release(1)
	if !s.Hold(1) {
		t.Error("not given back")
	}
}

func TestStoreLinger(t *testing.T) {
	s := NewStore()
	if s.Linger(1, func() { t.Error("woken") }) != nil {
		t.Error("lingers though nothing is expected")
	}
	s.Expect()
	var gave []int
	linger := func(n int) func() {
		return s.Linger(MaxLinger/2, func() { gave = append(gave, n) })
	}
	linger(1)
	stop := linger(2)
	linger(3)
	stop()
	linger(4)
	s.Close()
	if want := []int{1, 3, 4}; !slices.Equal(gave, want) {
		t.Errorf("gave up %v, want %v", gave, want)
	}
	if s.lingerCost != 0 || s.Linger(1, func() {}) != nil {
		t.Error("lingers after Close")
	}
}
