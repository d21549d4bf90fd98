package diagnose

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// unused returns the findings for setbacks on a direct way to https hosts where
// no variable that go reads names a proxy, but another one does.
func (f *facts) unused(names ...string) []*trace.Finding {
	v := f.variables()
	if v.HTTPS != "" {
		return nil
	}
	name := ""
	for _, n := range names {
		if name == "" && v.Value(n) != "" {
			name = n
		}
	}
	var list []*trace.Finding
	for _, s := range f.directly() {
		if name == "" || s.port == "80" {
			continue
		}
		args := map[string]string{"host": s.host, "variable": name, "proxy": goproxy.Mask(v.Value(name)), "reason": s.evidence.Text}
		found := finding(hopConfig, s.at, args, s.evidence, variableEvidence(name, v.Value(name)), variableEvidence("HTTPS_PROXY", ""))
		found.Confidence = trace.Likely // the host may be one that needs no proxy
		list = append(list, found)
	}
	return list
}

// allProxyIgnored: curl and git look at ALL_PROXY, go does not.
func allProxyIgnored(f *facts) []*trace.Finding {
	return f.unused("ALL_PROXY", "all_proxy", "SOCKS_PROXY", "socks_proxy")
}

// httpsProxyMissing: HTTP_PROXY is for http URLs only.
func httpsProxyMissing(f *facts) []*trace.Finding {
	if v := f.variables(); v.Value("ALL_PROXY")+v.Value("all_proxy") != "" {
		return nil
	}
	return f.unused("HTTP_PROXY", "http_proxy")
}

// proxyURLBroken: go passes over a variable that it can't read, or takes the
// scheme for the proxy's name.
func proxyURLBroken(f *facts) []*trace.Finding {
	v := f.variables()
	value := v.Value(v.HTTPS)
	if value == "" {
		return nil
	}
	read := goproxy.ProxyVariablesOf(&trace.Environment{Proxy: map[string]string{"HTTPS_PROXY": value}}).For("https://host.example")
	understood, setbacks := "no proxy at all", f.directly()
	if read != nil {
		understood = "a proxy called " + read.Hostname()
		if scheme, _, ok := strings.Cut(value, "://"); !ok || read.Hostname() != scheme {
			return nil
		}
	}
	var list []*trace.Finding
	for _, s := range append(setbacks, f.atProxy()...) {
		args := map[string]string{"host": s.host, "variable": v.HTTPS, "understood": understood, "proxy": goproxy.Mask(value), "reason": s.evidence.Text}
		list = append(list, finding(hopConfig, s.at, args, s.evidence, variableEvidence(v.HTTPS, value)))
	}
	return list
}

// proxyCaseConflict: go reads HTTPS_PROXY, curl https_proxy; they name different
// proxies, and that of go is the one that does not work.
func proxyCaseConflict(f *facts) []*trace.Finding {
	v := f.variables()
	upper, lower := v.Value("HTTPS_PROXY"), v.Value("https_proxy")
	if upper == "" || lower == "" || upper == lower {
		return nil
	}
	var list []*trace.Finding
	for _, s := range f.atProxy() {
		args := map[string]string{"host": s.host, "proxy": goproxy.Mask(upper), "other": goproxy.Mask(lower), "reason": s.evidence.Text}
		found := finding(hopConfig, s.at, args, s.evidence, variableEvidence("HTTPS_PROXY", upper), variableEvidence("https_proxy", lower))
		found.Confidence = trace.Likely // the other one was not tried
		list = append(list, found)
	}
	return list
}

// socks4Unsupported: go has no SOCKS 4 and speaks HTTP to such a proxy.
func socks4Unsupported(f *facts) []*trace.Finding {
	v := f.variables()
	scheme, rest, _ := strings.Cut(v.Value(v.HTTPS), "://")
	if scheme != "socks4" && scheme != "socks4a" {
		return nil
	}
	var list []*trace.Finding
	for _, r := range f.connects() {
		if r.Status != 0 || !f.byGo(r.PID) {
			continue
		}
		host, _ := f.Proxy(f.Connection(r.Connection))
		args := map[string]string{"host": host, "variable": v.HTTPS, "proxy": goproxy.Mask(v.Value(v.HTTPS)), "right": "socks5://" + goproxy.Mask(rest)}
		list = append(list, finding(hopConfig, r.StartedAt, args, answerEvidence(r), variableEvidence(v.HTTPS, v.Value(v.HTTPS))))
	}
	return list
}

// noProxyMismatch: NO_PROXY has the host in a form that other programs know and
// go does not, so that go asked the proxy, which refused or failed.
func noProxyMismatch(f *facts) []*trace.Finding {
	v := f.variables()
	var list []*trace.Finding
	for _, s := range f.atProxy() {
		entry, right := f.meant(v.Value(v.NoProxy), s.host)
		if s.host == "" || entry == "" || v.For("https://"+s.host+":"+s.port) == nil {
			continue
		}
		args := map[string]string{
			"host": s.host, "variable": v.NoProxy, "value": v.Value(v.NoProxy), "entry": entry, "right": readable(v.Value(v.NoProxy), right), "reason": s.evidence.Text,
		}
		found := finding(hopConfig, s.at, args, s.evidence, variableEvidence(v.NoProxy, v.Value(v.NoProxy)))
		found.Confidence = trace.Likely
		list = append(list, found)
	}
	return list
}

// meant returns the entry of a NO_PROXY value that was probably meant for a
// host, and how go would have to be told; empty if there is none.
func (f *facts) meant(value, host string) (entry, right string) {
	for _, e := range noProxyEntries(value) {
		name := strings.ToLower(e)
		if _, rest, ok := strings.Cut(name, "://"); ok {
			name = strings.TrimRight(rest, "/")
		}
		name = strings.TrimLeft(name, "*.")
		if name != "" && (name == host || strings.HasSuffix(host, "."+name)) {
			return e, name
		}
		if prefix, err := netip.ParsePrefix(name); err == nil && f.resolvesInto(host, prefix) {
			return e, host
		}
	}
	return "", ""
}

// noProxyEntries splits a NO_PROXY value at all that people put between entries.
func noProxyEntries(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", ;\t|", r) })
}

// readable writes a NO_PROXY value as go reads it, with another entry in it.
func readable(value, entry string) string {
	list := noProxyEntries(value)
	if !slices.Contains(list, entry) {
		list = append(list, entry)
	}
	return strings.Join(list, ",")
}

// resolvesInto reports whether an address that was seen for a name is of a
// network.
func (f *facts) resolvesInto(host string, prefix netip.Prefix) bool {
	for _, l := range f.Lookups() {
		for _, a := range l.Answers {
			if addr, err := netip.ParseAddr(a.Data); err == nil && strings.EqualFold(l.Name, host) && prefix.Contains(addr) {
				return true
			}
		}
	}
	return false
}
