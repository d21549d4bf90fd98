// Command tlsclient makes one TLS handshake with the server at the given address,
// of the given highest version (12 or 13), and reads until it closes.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
)

func main() {
	version := uint16(tls.VersionTLS13)
	if os.Args[2] == "12" {
		version = tls.VersionTLS12
	}
	conn, err := tls.Dial("tcp", os.Args[1], &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer conn.Close()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
