//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

// What the conversations of a capture said is what a report finds in it.
func TestCapture(t *testing.T) {
	self := filepath.Join(t.TempDir(), "bench")
	build(t, self)
	talk := conversations{connections: 1, small: 150, longest: 2 << 20}
	c, err := newCapture(t.Context(), self, filepath.Join(t.TempDir(), "c.pcapng"), talk)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(dialects()) * len(talk.sizes()); len(c.answers) != want || c.size < 40e6 {
		t.Errorf("%d answers in %d bytes, want %d", len(c.answers), c.size, want)
	}
	tr := understand(t, c)
	report, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check(report); err != nil {
		t.Error(err)
	}
	spoken(t, tr)
	tr.Requests = tr.Requests[1:]
	if short, err := json.Marshal(tr); err != nil || c.check(short) == nil {
		t.Errorf("a request less went unnoticed (%v)", err)
	}
	digest := []byte(`"response_sha256":"`)
	at := bytes.Index(report, digest) + len(digest)
	report[at] ^= 1
	if c.check(report) == nil {
		t.Error("a wrong digest went unnoticed")
	}
	if err := c.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(c.keys); !os.IsNotExist(err) {
		t.Errorf("the key log is still there: %v", err)
	}
}

// understand reads the capture.
func understand(t *testing.T, c *captured) *trace.Trace {
	t.Helper()
	file, err := pcapfile.Open(c.file)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	src, err := pcapfile.WithKeyLog(file, c.keys)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := agent.Run(src)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// spoken wants a connection in each of the dialects whose cipher is known.
func spoken(t *testing.T, tr *trace.Trace) {
	t.Helper()
	var suites []string
	for _, c := range tr.Connections {
		for _, layer := range c.TLS {
			suites = append(suites, layer.CipherSuite)
		}
	}
	for _, want := range []string{
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_CHACHA20_POLY1305_SHA256",
	} {
		if !slices.Contains(suites, want) {
			t.Errorf("nobody spoke %s, but %v", want, suites)
		}
	}
	if len(tr.Connections) != len(dialects()) {
		t.Errorf("%d connections, want %d", len(tr.Connections), len(dialects()))
	}
}

func TestRequestLines(t *testing.T) {
	if got := requestLines("GET\t\t\t\n\tGET,HEAD\t\t\n\t\t200\t\n\t\t\t200,200\n"); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}
