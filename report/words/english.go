package words

import "slices"

// english lists the English sentences, layer by layer.
func english() []Sentence {
	return slices.Concat(
		englishProxyVariables(), englishGoSettings(), englishGoVersions(), englishGoEntries(), englishVersionControlSettings(),
		englishStores(), englishOddAnswers(), englishLoss(), englishNotes(),
		englishDNS(), englishAnswers(), englishSlow(), englishLocal(), englishTCP(), englishProxy(), englishTunnels(),
		englishTLS(), englishAlerts(), englishCertificates(),
		englishHTTP(), englishStreams(), englishRedirects(), englishStatus(), englishBodies(),
		englishModules(), englishVersionControl(), englishSums(), englishTrace(),
	)
}

// englishPhrase writes an argument: most are names and numbers and stay as
// they are.
func englishPhrase(name, value string) string {
	switch {
	case value == "":
	case name == "via":
		return " through the proxy " + value
	case name == "stub":
		return ", which the local resolver " + value + " asked,"
	case name == "resolv_conf": // the value last: it is an argument
		return "the configuration of the local resolver " + value
	case name == "within":
		return " in " + value + " s"
	case name == "debug":
		return ", saying " + value
	case name == "place":
		return " (" + value + ")"
	case name == "connect": // an option of openssl s_client
		return " -proxy " + value
	case name == "accepted":
		return ", which accepted one of the same authority from " + value
	}
	codes := map[string]map[string]string{
		"sent":        {"none": "did not send any", "refused": "sent some that it refused"},
		"after":       {"ClientHello": "the ClientHello"},
		"resolv_conf": {"": "/etc/resolv.conf"},
		"from":        {"": "this machine"},
		"length":      {"": "an unknown number of"},
		"process":     {"": "a process"},
		"names":       {"": "no name at all"},
		"module":      {"": "what was asked for"},
		"entry":       {"": "https://MODULE-PROXY"},
		"path":        {"": "PATH-PREFIX"},
		"brief":       {"yes": " (it may just be slow)"},
		"accepted":    {"": ", which accepted the very same one"},
		"revision":    {"": "that was wanted"},
		"bundle":      {"": "/path/to/ca-bundle.pem"},
		"reason":      {"refused": "connection refused", "silent": "no answer"},
	}
	if words, ok := codes[name][value]; ok {
		return words
	}
	return value
}

// englishTrace is about what the trace itself could not do.
func englishTrace() []Sentence {
	return []Sentence{{
		Rule:      "tls-no-secret",
		Title:     "TLS handshakes without a secret",
		Summary:   "{count} TLS connections of {process} (the first to {host}) could not be opened: no TLS secret was seen for them",
		Because:   "a Go release that moved the function which hands the secrets over, or a TLS library without a key log, leaves the tracer with names, sizes, times and alerts only; {opened} other connections were opened",
		Fix:       []string{"nothing is broken on the way; for the contents, run the command with a Go release that gopx-trace knows, or set SSLKEYLOGFILE for the program"},
		Meaning:   "Handshakes were completed, but the tracer got no secret to open them with. It works on with what is readable without one.",
		Proof:     "A completed handshake on the wire and no key for its client random.",
		LookAlike: "A handshake that failed has no application secret either, and is not counted.",
	}}
}
