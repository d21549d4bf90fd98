package diagnose

// settingRules are those about settings, and about what follows from them. They
// come first: what a setting makes fail is explained by it.
func settingRules() []Rule {
	return []Rule{
		{"goproxy-syntax", "value problem right command", goproxySyntax},
		{"goflags-insecure", "flag command", goflagsInsecure},
		{"netlimit-zero", "value command", netlimitZero},
		{"credentials-on-http", "host entry right command", credentialsOnHTTP},
		{"missing-go-sum", "count modules command", missingGoSum},
		{"sumdb-bad-key", "value problem command", sumDBBadKey},
		{"toolchain-needs-sumdb", "host module", toolchainNeedsSumDB},
		{"toolchain-local-too-old", "host module wants running", toolchainLocalTooOld},
		{"git-missing", "host module", gitMissing},
		{"govcs-denied", "host module vcs kind value path", govcsDenied},
		{"proxy-url-broken", "host variable understood proxy reason", proxyURLBroken},
		{"proxy-case-conflict", "host proxy other reason", proxyCaseConflict},
		{"all-proxy-ignored", "host variable proxy reason", allProxyIgnored},
		{"https-proxy-missing", "host variable proxy reason", httpsProxyMissing},
		{"no-proxy-mismatch", "host variable value entry right reason", noProxyMismatch},
		{"socks4-unsupported", "host variable proxy right", socks4Unsupported},
		{"sumdb-shadowed-by-dead-first", "dead entry other list reason", sumDBShadowed},
		{"goproxy-env-shadow", "host value stored entry reason", goproxyEnvShadow},
		{"gonoproxy-forces-direct", "host module variable value reason entry", gonoproxyForcesDirect},
		{"private-via-public-proxy", "host module proxy status answer", privateViaPublicProxy},
		{"discovery-blocked", "host module proxy status reason", discoveryBlocked},
		{"git-proxy-differs", "host proxy repository reason", gitProxyDiffers},
		{"git-proxy-refused", connectArgs + " repository go", gitProxyRefused},
		{"ssh-blocked", dialArgs + " reason", sshBlocked},
	}
}
