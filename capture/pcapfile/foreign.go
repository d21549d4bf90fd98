package pcapfile

import "bytes"

// known names the format of a file that is not read here, to follow its first
// bytes; empty if they say nothing.
func known(magic []byte) string {
	for _, f := range []struct{ begin, name string }{
		{"BZh", "bzip2"},
		{"\xfd7zX", "xz"},
		{"\x04\x22\x4d\x18", "lz4"},
		{"PK\x03\x04", "zip"},
		{"snoo", "snoop"},
		{"GMBU", "Microsoft Network Monitor"},
		{"RTSS", "Microsoft Network Monitor"},
		{"TRSN", "Sniffer"},
		{"XCP\x00", "Sniffer"},
		{"\x7fELF", "ELF"},
		{"{", "JSON"},
		{"# SS", keyLog}, // the comment that NSS begins with
		{"CLIE", keyLog},
		{"SERV", keyLog},
		{"EXPO", keyLog},
		{"EARL", keyLog},
	} {
		if bytes.HasPrefix(magic, []byte(f.begin)) {
			return ", as " + f.name + " files do"
		}
	}
	return ""
}

// keyLog is what an SSLKEYLOGFILE is called, which begins with the label of a
// secret (draft-ietf-tls-keylogfile, section 3).
const keyLog = "TLS key log (--keylog)"
