//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// accuracyHead begins docs/accuracy.md.
const accuracyHead = `# How often the verdict is right

Written by ` + "`make lab-matrix`" + `. Every fault of the lab really happens, to a real go, git, ssh or curl. The verdict is right when its rule, or
its hop, is the one that was written down before. The runs are of three kinds:

- *own servers*: ` + "`lab.Faults`" + `, the faults that the rules were written with, and their variants of that time;
- *other people's servers*: ` + "`capture/lab/servers`" + `: squid, nginx, haproxy, unbound and so on, written after the rules. What they
  showed to be wrong was mended;
- *variants not looked at*: ` + "`lab.Later`" + `, made when the rules were finished: over plain HTTP, in TLS 1.2, in IPv6, through another kind
  of proxy, at another host, with another command. At their first run 107 of 111 verdicts were as written down, and one of 19 healthy
  runs was none. Two of the four were right and our expectation wrong (a proxy that cannot reach a host is ` + "`proxy-5xx`" + `), two faults do
  not exist in that shape, so that the command succeeded: the variants were mended, the rules were not.

"Packets and secrets" is the same recording without anything of processes, sockets and settings, as from a capture file with a
key log; "packets alone" has no TLS secrets either, as from ` + "`tcpdump -w`" + `. Those two leave out faults of ` + "`config` and `host`" + `, which no packet shows.

`

// hiddenBy says why packets alone, or packets and secrets, cannot tell a fault,
// with the rules that are meant.
type hiddenBy struct{ why, rules string }

// sealed are the faults that nothing but the inside of TLS tells. The same faults
// over plain HTTP, or of certificates in TLS 1.2, are told.
func sealed() []hiddenBy {
	return []hiddenBy{
		{"the status or the content of an answer is inside TLS", `http-server-error http-forbidden http-unauthorized http-rate-limited http-not-found http-odd-2xx
			url-not-found empty-200 html-200 html-as-list html-as-mod-poisons-cache html-as-zip gzip-broken header-malformed checksum-mismatch
			proxy-wrong-version redirect-loop redirect-no-location redirect-https-to-http redirect-to-login sumdb-404-private sumdb-relay-broken
			sumdb-html import-path-404 import-path-html toolchain-not-available git-auth-prompt git-not-found dead-first-with-pipe`},
		{"HTTP/2 frames are inside TLS", "h2-alpn-lie h2-enhance-your-calm h2-goaway-error h2-goaway-loop h2-http11-required h2-refused-stream h2-stream-error"},
		{"where a request or an answer ends is inside TLS", "hang-no-response body-stall body-truncated body-reset body-drip http-fresh-conn-closed git-hang sumdb-hang"},
		{"in TLS 1.3 the certificates, and the alert that answers them, are encrypted", `tls-unknown-ca tls-expired tls-not-yet-valid tls-hostname
			tls-self-signed tls-missing-intermediate tls-intercepted tls-weak-key-or-sha1 tls-client-cert https-proxy-unknown-ca`},
		{"that the module proxy answered 404, or redirected, before the host that failed was dialled is inside TLS", "discovery-blocked redirect-cdn-blocked sumdb-unreachable"},
		{"what is said to a proxy over TLS is inside TLS", "proxy-302-portal proxy-403 proxy-407 proxy-hang-connect"},
	}
}

// unsent are the faults that no packet tells, whatever secrets there are.
func unsent() []hiddenBy {
	return []hiddenBy{
		{"no packet is sent: the kernel refuses, and says so to the process only", "route-missing route-prohibited route-blackhole ipv6-only-host"},
		{"what GOPROXY lists is a setting; only what was asked shows", "dead-first-with-comma"},
		{"that a name is the proxy's is a setting (dns-nxdomain is said, at the same hop)", "proxy-name-unresolvable"},
		{"which certificates the client has is a setting (tls-unknown-ca is said, at the same hop)", "tls-ca-rotated"},
		{"which revision was wanted stands in the command line of git", "unknown-revision"},
	}
}

// hidden returns the rules of a list of reasons.
func hidden(list []hiddenBy) map[string]bool {
	rules := map[string]bool{}
	for _, h := range list {
		for rule := range strings.FieldsSeq(h.rules) {
			rules[rule] = true
		}
	}
	return rules
}

func writeUp(rows []row) string {
	var b strings.Builder
	b.WriteString(accuracyHead)
	b.WriteString("| runs | faults | rule right | hop right | healthy runs | with a false alarm |\n|---|---|---|---|---|---|\n")
	kinds := map[string][]row{}
	for _, r := range rows {
		kinds[r.kind] = append(kinds[r.kind], r)
	}
	kinds["*all*"] = rows
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		c := count(kinds[kind], 0)
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %d | %d |\n", kind, c.faults, share(c.rule, c.faults), share(c.hop, c.faults), c.healthy, c.alarms)
	}
	writeSeen(&b, onWire(rows))
	writeHidden(&b, onWire(rows))
	b.WriteString("\n## Each fault\n\n| rule | runs | live | packets and secrets | packets alone |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		if r.want.rule != "" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.want.rule, r.name, verdict(r, 0), verdict(r, 1), verdict(r, 2))
		}
	}
	return b.String()
}

// writeSeen writes what is told from how much.
func writeSeen(b *strings.Builder, rows []row) {
	b.WriteString("\n| seen | runs | rule and hop right | of those that it can show | faults right in some run | faults right in each run | healthy runs with a false alarm |\n|---|---|---|---|---|---|---|\n")
	unseen := [3]map[string]bool{{}, hidden(unsent()), hidden(slices.Concat(unsent(), sealed()))}
	for i, name := range []string{"all, live", "packets and secrets", "packets alone"} {
		c, some, every := count(rows, i), map[string]bool{}, map[string]bool{}
		can := 0
		for _, r := range rows {
			if r.want.rule == "" {
				continue
			}
			right := r.got[i] == r.want
			can += btoi(right || !unseen[i][r.want.rule])
			before, known := every[r.want.rule]
			some[r.want.rule], every[r.want.rule] = some[r.want.rule] || right, right && (before || !known)
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %d |\n", name, c.faults, share(c.both, c.faults), share(c.both, can),
			share(trues(some), len(some)), share(trues(every), len(every)), c.alarms)
	}
}

// writeHidden writes what cannot be told and why.
func writeHidden(b *strings.Builder, rows []row) {
	b.WriteString("\n\"Of those that it can show\" leaves out the runs that were not told for one of these reasons.\n\nPackets and secrets do not show:\n\n")
	writeReasons(b, rows, unsent(), 1)
	b.WriteString("\nPackets alone do not show these, either. Over plain HTTP, in TLS 1.2 and through a proxy without TLS they are told; in TLS 1.3 nothing is guessed:\n\n")
	writeReasons(b, rows, sealed(), 2)
}

// writeReasons writes reasons with those of their rules that some run was not told for.
func writeReasons(b *strings.Builder, rows []row, list []hiddenBy, i int) {
	for _, h := range list {
		var rules []string
		for rule := range strings.FieldsSeq(h.rules) {
			if slices.ContainsFunc(rows, func(r row) bool { return r.want.rule == rule && r.got[i] != r.want }) {
				rules = append(rules, "`"+rule+"`")
			}
		}
		if len(rules) > 0 {
			fmt.Fprintf(b, "- %s: %s\n", h.why, strings.Join(rules, ", "))
		}
	}
}

func trues(m map[string]bool) (n int) {
	for _, v := range m {
		n += btoi(v)
	}
	return n
}

// verdict is a cell: what was said if it is not what should be.
func verdict(r row, i int) string {
	if i > 0 && !packetsShow(r) {
		return "-"
	}
	if r.got[i] == r.want {
		return "right"
	}
	return r.got[i].String()
}

// onWire are the rows whose fault packets can show.
func onWire(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !packetsShow(r) })
}

func packetsShow(r row) bool { return r.want.hop != "config" && r.want.hop != "host" }

type tally struct{ faults, rule, hop, both, healthy, alarms int }

// count counts what was right in the i-th verdict of rows.
func count(rows []row, i int) (c tally) {
	for _, r := range rows {
		if r.want.rule == "" {
			c.healthy++
			c.alarms += btoi(r.got[i].rule != "")
			continue
		}
		c.faults++
		c.rule += btoi(r.got[i].rule == r.want.rule)
		c.hop += btoi(r.got[i].hop == r.want.hop)
		c.both += btoi(r.got[i] == r.want)
	}
	return c
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(of))
}
