package pcapfile

// known names the format of a file that is not read here, to follow its first
// bytes; empty if they say nothing.
func known(magic []byte) string {
	name := map[string]string{
		"BZh9": "bzip2", "BZh1": "bzip2",
		"\xfd7zX":          "xz",
		"\x04\x22\x4d\x18": "lz4",
		"PK\x03\x04":       "zip",
		"snoo":             "snoop",
		"GMBU":             "Microsoft Network Monitor",
		"RTSS":             "Microsoft Network Monitor",
		"TRSN":             "Sniffer",
		"XCP\x00":          "Sniffer",
	}[string(magic)]
	if name == "" {
		return ""
	}
	return ", as " + name + " files do"
}
