package report

import "strings"

// harmlessHeader tells whether a field, named in lower case, is one whose
// value is no secret by its definition. What is not listed is masked: private
// module proxies have credentials under names of their own.
func harmlessHeader(name string) bool {
	switch name {
	// HTTP/2, RFC 9113, section 8.3.
	case ":method", ":scheme", ":authority", ":path", ":status", ":protocol":
		return true
	// HTTP, RFC 9110 to 9112, and its older and experimental neighbours.
	case "age", "allow", "alt-svc", "alt-used", "cache-control", "cache-status", "cdn-cache-control", "connection", "date",
		"digest", "early-data", "etag", "expect", "expires", "from", "host", "keep-alive", "last-modified", "link",
		"max-forwards", "mime-version", "origin", "pragma", "priority", "proxy-connection", "proxy-status", "range",
		"repr-digest", "retry-after", "server", "server-timing", "status", "strict-transport-security", "te", "trailer",
		"transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "vary", "via", "want-digest", "warning":
		return true
	// Policies of browsers.
	case "access-control-allow-credentials", "clear-site-data", "dnt", "expect-ct", "nel", "origin-agent-cluster", "p3p",
		"permissions-policy", "feature-policy", "public-key-pins", "referrer-policy", "report-to", "reporting-endpoints",
		"timing-allow-origin", "x-content-type-options", "x-dns-prefetch-control", "x-download-options",
		"x-frame-options", "x-permitted-cross-domain-policies", "x-powered-by", "x-robots-tag", "x-ua-compatible",
		"x-xss-protection":
		return true
	// Caches, content networks, proxies.
	case "cf-cache-status", "cf-ray", "fly-request-id", "forwarded", "request-id", "x-amz-cf-id", "x-amz-cf-pop",
		"x-amz-id-2", "x-amz-request-id", "x-amz-version-id", "x-azure-ref", "x-cache", "x-cache-hits", "x-cache-lookup",
		"x-correlation-id", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
		"x-guploader-uploadid", "x-request-id", "x-runtime", "x-served-by", "x-squid-error", "x-timer", "x-varnish":
		return true
	// Module proxies, repositories, git.
	case "disable-module-fetch", "git-protocol", "x-artifactory-filename", "x-artifactory-id", "x-artifactory-node-id",
		"x-github-media-type", "x-github-request-id", "x-gitlab-meta", "x-jfrog-version":
		return true
	}
	return !secretHeader(name) && harmlessFamily(name)
}

// harmlessFamily is harmlessHeader for names that share their beginning.
func harmlessFamily(name string) bool {
	for _, family := range []string{
		"accept", "access-control-", "content-", "cross-origin-", "if-", "ratelimit-", "sec-ch-", "sec-fetch-",
		"x-checksum-", "x-goog-", "x-ms-blob-", "x-ms-request-id", "x-ratelimit-",
	} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}
