package servers

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// dnsmasq is dnsmasq as the lab's resolver, with more arguments.
func dnsmasq(args ...string) Server {
	return Server{
		Name: "dnsmasq",
		Args: append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
			"--user=root", "--listen-address={resolver.test}", "--bind-interfaces", "--log-queries", "--log-facility={dir}/log"}, args...),
		Host: lab.ResolverHost, Ports: []uint16{53}, UDP: true,
	}
}

// records are dnsmasq's arguments for all hosts of the lab.
func records() []string {
	var args []string
	for _, host := range []string{lab.GoProxyHost, lab.CDNHost, lab.SumDBHost, lab.GitHost} {
		args = append(args, "--host-record="+host+",{"+host+"}")
	}
	return args
}

// unboundBase is what all configurations begin with.
const unboundBase = `
server:
    chroot: ""
    username: ""
    directory: "{dir}"
    pidfile: "{dir}/pid"
    logfile: "{dir}/log"
    use-syslog: no
    log-queries: yes
    log-replies: yes
    interface: {resolver.test}
    do-daemonize: no
    num-threads: 1
    module-config: "iterator"
`

// unbound is unbound as the lab's resolver, with more configuration.
func unbound(more string) Server {
	return Server{
		Name: "unbound", Args: []string{"-d", "-c", "{dir}/unbound.conf"},
		Files: map[string]string{"unbound.conf": unboundBase + more},
		Host:  lab.ResolverHost, Ports: []uint16{53}, UDP: true,
	}
}

// stubAddr is where resolvers on the client's host listen.
func stubAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.53:53") }

// onClient makes a resolver one on the client's host.
func onClient(v Server) Server {
	v.Host, v.Ports, v.Stub = "", nil, true
	return v
}

// stubScenarios have a real resolver on the client's host, and the lab's own,
// healthy or not, behind it.
func stubScenarios() []Scenario {
	dnsmasqStub := onClient(dnsmasq("--server={resolver.test}"))
	dnsmasqStub.Args = slices.Clone(dnsmasqStub.Args)
	dnsmasqStub.Args[slices.Index(dnsmasqStub.Args, "--listen-address={resolver.test}")] = "--listen-address=127.0.0.53"
	unboundStub := onClient(unbound(""))
	unboundStub.Files = map[string]string{"unbound.conf": strings.Replace(unboundBase, "interface: {resolver.test}", "interface: 127.0.0.53", 1) + `    do-not-query-localhost: no
    local-zone: "test." transparent
forward-zone:
    name: "."
    forward-addr: {resolver.test}
`}
	with := func(r lab.Resolver) func(*lab.Setup) {
		r.Names = []string{lab.GoProxyHost}
		return func(s *lab.Setup) { s.Stub, s.Resolver = lab.StubDown, r }
	}
	var list []Scenario
	for _, v := range []Server{dnsmasqStub, unboundStub} {
		log := map[string]string{"dnsmasq": "query[A] goproxy.test", "unbound": "goproxy.test. A IN"}[v.Name]
		add := func(f lab.Fault) {
			f.Name = v.Name + "-stub" + f.Name
			if f.Rule != "" {
				f.Hop = atResolver
			}
			list = append(list, Scenario{Fault: f, Servers: []Server{v}, Log: Log{v.Name, "log", log}})
		}
		add(lab.Fault{Setup: with(lab.Resolver{})})
		add(lab.Fault{Name: "-refused", Rule: "dns-refused", Setup: with(lab.Resolver{Rcode: dns.RcodeRefused}), Says: "server misbehaving"})
		add(lab.Fault{Name: "-nxdomain", Rule: "dns-nxdomain", Setup: with(lab.Resolver{Rcode: dns.RcodeNameError}), Says: "no such host"})
		add(lab.Fault{Name: "-silent", Rule: "dns-timeout", Setup: with(lab.Resolver{Silent: true}), Says: "i/o timeout", Patience: 12 * time.Second})
	}
	return list
}

func resolverScenarios() []Scenario {
	vacant := func(s *lab.Setup) { s.Resolver.Closed = true }
	d := func(text string) Log { return Log{"dnsmasq", "log", text} }
	u := func(text string) Log { return Log{"unbound", "log", text} }
	const allow = "    access-control: 10.77.0.0/16 allow\n"
	return []Scenario{
		{Fault: lab.Fault{Name: "dnsmasq", Setup: vacant}, Servers: []Server{dnsmasq(records()...)}, Log: d("goproxy.test is")},
		{Fault: lab.Fault{Name: "dnsmasq-nxdomain", Rule: "dns-nxdomain", Hop: atResolver, Setup: vacant, Says: "no such host"},
			Servers: []Server{dnsmasq("--local=/test/")}, Log: d("goproxy.test is NXDOMAIN")},
		{Fault: lab.Fault{Name: "dnsmasq-refused", Rule: "dns-refused", Hop: atResolver, Setup: vacant, Says: "server misbehaving"},
			Servers: []Server{dnsmasq()}, Log: d("query[A] goproxy.test")},
		{Fault: lab.Fault{Name: "dnsmasq-upstream-silent", Rule: "dns-timeout", Hop: atResolver, Setup: vacant, Says: "i/o timeout", Patience: 12 * time.Second},
			Servers: []Server{dnsmasq("--server=10.77.9.9")}, Log: d("forwarded goproxy.test to 10.77.9.9")},
		{Fault: lab.Fault{Name: "unbound", Setup: vacant},
			Servers: []Server{unbound(allow + `    local-data: "goproxy.test. A {goproxy.test}"
    local-data: "cdn.test. A {cdn.test}"
    local-data: "sum.test. A {sum.test}"
`)}, Log: u("goproxy.test. A IN NOERROR")},
		// unbound refuses without repeating the question, which go takes for no answer
		{Fault: lab.Fault{Name: "unbound-acl", Rule: "dns-refused", Hop: atResolver, Setup: vacant, Says: "i/o timeout", Patience: 12 * time.Second},
			Servers: []Server{unbound("    access-control: 10.77.0.0/16 refuse\n")}},
		{Fault: lab.Fault{Name: "unbound-nxdomain", Rule: "dns-nxdomain", Hop: atResolver, Setup: vacant, Says: "no such host"},
			Servers: []Server{unbound(allow + "    local-zone: \"test.\" always_nxdomain\n")}, Log: u("goproxy.test. A IN NXDOMAIN")},
		{Fault: lab.Fault{Name: "unbound-nodata", Rule: "dns-empty-noerror", Hop: atResolver, Setup: vacant, Says: "no such host"},
			Servers: []Server{unbound(allow + "    local-zone: \"test.\" static\n    local-data: \"goproxy.test. TXT lab\"\n")}, Log: u("goproxy.test. A IN NOERROR")},
		{Fault: lab.Fault{Name: "unbound-dead-forwarder", Rule: "dns-timeout", Hop: atResolver, Setup: vacant, Says: "i/o timeout", Patience: 12 * time.Second},
			Servers: []Server{unbound(allow + "    local-zone: \"test.\" transparent\nforward-zone:\n    name: \".\"\n    forward-addr: {resolver.test}@9\n")},
			Log:     u("goproxy.test. A IN")},
	}
}
