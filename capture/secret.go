package capture

import (
	"bytes"
	"encoding/hex"
)

// ParseSecret reads a line of an NSS key log, "LABEL CLIENT_RANDOM SECRET", the
// last two in hexadecimal, with or without a line end
// (draft-ietf-tls-keylogfile, section 2). ok is false for comments, blank lines
// and forms from before TLS 1.2. Time, PID and From are left to the caller.
func ParseSecret(line []byte) (s Secret, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || line[0] == '#' {
		return Secret{}, false
	}
	random, err := hex.AppendDecode(nil, fields[1])
	if err != nil {
		return Secret{}, false
	}
	secret, err := hex.AppendDecode(nil, fields[2])
	if err != nil {
		return Secret{}, false
	}
	return Secret{Label: string(fields[0]), ClientRandom: random, Secret: secret}, true
}
