//go:build linux

package main

import (
	"os/exec"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// A rule of this host's own firewall leads the module proxy's address
// elsewhere, as sidecars and transparent proxies do.
func TestRedirectOnThisHost(t *testing.T) {
	needRoot(t)
	needPrograms(t, []string{"nft"})
	nft, err := exec.LookPath("nft")
	if err != nil {
		nft = "/usr/sbin/nft"
	}
	var s lab.Setup
	l, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	from, to := l.Addrs(lab.GoProxyHost)[0].String(), l.Addrs(lab.MirrorHost)[0].String()
	rules := "add table ip lab; add chain ip lab out { type nat hook output priority -100; }; " +
		"add rule ip lab out ip daddr " + from + " tcp dport 443 counter dnat to " + to
	if out, err := l.Command(t.Context(), nft, rules).CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	r := runTraced(t, l, lab.Fault{Rule: "tls-hostname", Hop: "goproxy:" + lab.GoProxyHost}, nil)
	if v := r.live.Verdict; v.Finding != "tls-hostname" || v.Hop != "goproxy:"+lab.GoProxyHost {
		t.Errorf("verdict %s at %s\n%s", v.Finding, v.Hop, r.stderr)
	}
	want := trace.Redirection{Dialled: from + ":443", Reached: to + ":443"}
	if got := r.live.Environment.Transparent; len(got) != 1 || got[0] != want {
		t.Errorf("transparent: %v, want %v", got, want)
	}
	for _, c := range r.live.Connections {
		if c.Remote != want.Dialled || c.Reached != want.Reached || c.MissedBytes != 0 {
			t.Errorf("connection to %s led to %q, %d bytes missed", c.Remote, c.Reached, c.MissedBytes)
		}
	}
	if string(r.liveJSON) != string(r.replay(t)) {
		t.Error("the recording tells something else")
	}
}
