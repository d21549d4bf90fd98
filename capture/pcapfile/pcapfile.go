// Package pcapfile reads capture files as events and records events in one
// pcapng file.
//
// [Reader] takes pcap and pcapng, plain, gzip or zstd, from a file or a pipe,
// in bounded memory. [Writer] makes a pcapng file that Wireshark opens
// decrypted, with the process of each packet as its comment, and from which
// Reader gives back exactly the events that were written, in the same order.
//
// # Layout of a recording
//
//	Section Header Block
//	Interface Description Block    LINKTYPE_RAW, nanoseconds
//	Interface Statistics Block     event "begin": this is a recording
//	Decryption Secrets Block       key log lines, then blank lines: room for more
//	Enhanced Packet Block          a packet
//	Interface Statistics Block     any other event
//	...
//
// Wireshark decrypts only with secrets that precede the packets in the file.
// Hence the room: each secret is written in place into a block that is valid
// at every moment. When the room is used up, secrets go into blocks of their
// own in the stream, and Close moves them to the front. The stream itself
// holds, where the secret was observed, an event that names the line of the
// key log; so stripping the Decryption Secrets Blocks strips the secrets.
//
// A packet carries its socket and process in a custom option beside the
// comment. Other events travel in custom options of Interface Statistics
// Blocks, because these do not count as frames: Custom Blocks do (tshark
// 4.0.17), and the frame numbers of the evidence must be Wireshark's.
// editcap and tshark -w merge Interface Statistics Blocks into one, so that
// most events other than packets and secrets are gone from files they made.
//
// # Custom options
//
// Both have the private enterprise number 32473 (set aside for documentation,
// RFC 5612), code 2989, and begin with "gopx1". In packets follow the socket
// cookie (8 bytes), the process id (4 bytes), both little endian, marks (1 byte:
// 1 is a packet that came after its socket was closed) and the process name. In statistics blocks follow '+' if the next such option of the
// block continues this one, else '=', and JSON: {"type": ..., "event": {...}}.
// The events are those of package capture with its JSON names; bytes that are
// not UTF-8 stand as U+10FF00 plus the byte.
//
// The format is that of draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap.
package pcapfile
