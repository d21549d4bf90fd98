package decode

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// Protocol versions (RFC 8446, section 4.2.1). Drafts of TLS 1.3 are 0x7f00
// and their number.
const (
	versionSSL20 = 0x0002
	versionSSL30 = 0x0300
	versionTLS10 = 0x0301
	versionTLS11 = 0x0302
	versionTLS12 = 0x0303
	versionTLS13 = 0x0304
	versionDraft = 0x7f00
	// versionFacebook numbers the drafts likewise.
	versionFacebook = 0xfb00
)

// Extensions that are read (IANA, TLS ExtensionType Values).
const (
	extensionServerName          = 0
	extensionGroups              = 10
	extensionPointFormats        = 11
	extensionSignatureAlgorithms = 13
	extensionALPN                = 16
	extensionEncryptThenMAC      = 22
	extensionSessionTicket       = 35
	extensionPreSharedKey        = 41
	extensionEarlyData           = 42
	extensionSupportedVersions   = 43
)

// clientHello is a ClientHello, with values in wire order.
type clientHello struct {
	version    uint16
	random     [32]byte
	session    []byte
	suites     []uint16
	extensions []uint16
	hasName    bool
	serverName string
	protocols  []string
	versions   []uint16
	groups     []uint16
	formats    []uint8
	signatures []uint16
	ticket     []byte
	earlyData  bool
}

// parseClientHello reads the body of a ClientHello (RFC 8446, section 4.1.2).
// The result is nil if not even the random is there; ok is false if the end is
// missing or malformed, and what was read before it is kept.
func parseClientHello(body []byte) (h *clientHello, ok bool) {
	s := cryptobyte.String(body)
	h = &clientHello{}
	if !s.ReadUint16(&h.version) || !s.CopyBytes(h.random[:]) {
		return nil, false
	}
	var session, suites, compressions cryptobyte.String
	if !s.ReadUint8LengthPrefixed(&session) || !s.ReadUint16LengthPrefixed(&suites) {
		return h, false
	}
	h.session = append([]byte(nil), session...)
	h.suites = uint16s(suites)
	if !s.ReadUint8LengthPrefixed(&compressions) {
		return h, false
	}
	if s.Empty() { // RFC 5246, section 7.4.1.2: extensions may be left out
		return h, true
	}
	var n uint16
	if !s.ReadUint16(&n) {
		return h, false
	}
	complete := int(n) <= len(s)
	return h, eachExtension(s[:min(int(n), len(s))], h.extension) && complete
}

// eachExtension calls f for each whole extension; false if one is cut.
func eachExtension(s cryptobyte.String, f func(id uint16, v cryptobyte.String)) bool {
	for !s.Empty() {
		var id uint16
		var v cryptobyte.String
		if !s.ReadUint16(&id) || !s.ReadUint16LengthPrefixed(&v) {
			return false
		}
		f(id, v)
	}
	return true
}

// extension reads one extension of a ClientHello.
func (h *clientHello) extension(id uint16, v cryptobyte.String) {
	h.extensions = append(h.extensions, id)
	var list cryptobyte.String
	switch id {
	case extensionServerName:
		h.hasName = true
		h.serverName = serverNameOf(v)
	case extensionGroups:
		v.ReadUint16LengthPrefixed(&list)
		h.groups = uint16s(list)
	case extensionPointFormats:
		v.ReadUint8LengthPrefixed(&list)
		h.formats = append(h.formats, list...)
	case extensionSignatureAlgorithms:
		v.ReadUint16LengthPrefixed(&list)
		h.signatures = uint16s(list)
	case extensionALPN:
		h.protocols = protocolNames(v)
	case extensionSessionTicket:
		h.ticket = append([]byte(nil), v...)
	case extensionEarlyData:
		h.earlyData = true
	case extensionSupportedVersions:
		v.ReadUint8LengthPrefixed(&list)
		h.versions = uint16s(list)
	}
}

// uint16s reads a list of 16-bit numbers; an odd last byte is left out.
func uint16s(s cryptobyte.String) []uint16 {
	list := make([]uint16, 0, len(s)/2)
	for v := uint16(0); s.ReadUint16(&v); {
		list = append(list, v)
	}
	return list
}

// serverNameOf returns the first host_name of the server_name extension (RFC 6066, section 3).
func serverNameOf(v cryptobyte.String) string {
	var list, name cryptobyte.String
	var kind uint8
	if !v.ReadUint16LengthPrefixed(&list) {
		return ""
	}
	for list.ReadUint8(&kind) && list.ReadUint16LengthPrefixed(&name) {
		if kind == 0 {
			return string(name)
		}
	}
	return ""
}

// protocolNames reads the list of RFC 7301, section 3.1.
func protocolNames(v cryptobyte.String) (names []string) {
	var list, name cryptobyte.String
	v.ReadUint16LengthPrefixed(&list)
	for list.ReadUint8LengthPrefixed(&name) {
		names = append(names, string(name))
	}
	return names
}

// serverHello is a ServerHello or a HelloRetryRequest.
type serverHello struct {
	version        uint16
	random         [32]byte
	session        []byte
	suite          uint16
	compression    uint8
	protocol       string
	encryptThenMAC bool
	preSharedKey   bool
	// retry: the random is that of a HelloRetryRequest.
	retry bool
}

// retryRandom is SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// parseServerHello reads the body of a ServerHello (RFC 8446, section 4.1.3);
// nil if it is cut before its suite. The drafts of TLS 1.3 up to 21 left
// session and compression out, and put their number in front.
func parseServerHello(body []byte) *serverHello {
	s := cryptobyte.String(body)
	h := &serverHello{}
	if !s.ReadUint16(&h.version) {
		return nil
	}
	draft := h.version>>8 == versionDraft>>8
	if draft && len(body) < 2+len(h.random) { // a HelloRetryRequest of a draft
		h.retry = true
		return h
	}
	var session cryptobyte.String
	if !s.CopyBytes(h.random[:]) || !draft && !s.ReadUint8LengthPrefixed(&session) || !s.ReadUint16(&h.suite) {
		return nil
	}
	if !draft && !s.ReadUint8(&h.compression) {
		return nil
	}
	h.session = append([]byte(nil), session...)
	h.retry = string(h.random[:]) == retryRandom
	var extensions cryptobyte.String
	if s.ReadUint16LengthPrefixed(&extensions) {
		eachExtension(extensions, h.extension)
	}
	return h
}

// extension reads one extension of a ServerHello.
func (h *serverHello) extension(id uint16, v cryptobyte.String) {
	switch id {
	case extensionSupportedVersions:
		v.ReadUint16(&h.version)
	case extensionALPN:
		if names := protocolNames(v); len(names) > 0 {
			h.protocol = names[0]
		}
	case extensionEncryptThenMAC:
		h.encryptThenMAC = true
	case extensionPreSharedKey:
		h.preSharedKey = true
	}
}

// tls13 says whether TLS 1.3 or a draft of it was agreed.
func (h *serverHello) tls13() bool { return isTLS13(h.version) }

// openable says whether records under this agreement can be opened. The drafts
// of TLS 1.3 before 20 had other labels in the key schedule.
func (h *serverHello) openable() bool {
	const firstDraft = 20
	if h.version>>8 == versionDraft>>8 && h.version < versionDraft|firstDraft {
		return false
	}
	return h.compression == 0 && keylog.Supported(h.suite)
}

// isTLS13 says whether a version is TLS 1.3, a draft of it, or Facebook's
// numbering of the drafts.
func isTLS13(v uint16) bool {
	return v == versionTLS13 || v>>8 == versionDraft>>8 || v>>8 == versionFacebook>>8
}

// encryptedExtensions is what is read of EncryptedExtensions.
type encryptedExtensions struct {
	protocol  string
	earlyData bool
}

// parseEncryptedExtensions reads RFC 8446, section 4.3.1, as far as it goes.
func parseEncryptedExtensions(body []byte) (e encryptedExtensions) {
	s := cryptobyte.String(body)
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) {
		return e
	}
	eachExtension(list, func(id uint16, v cryptobyte.String) {
		switch id {
		case extensionALPN:
			if names := protocolNames(v); len(names) > 0 {
				e.protocol = names[0]
			}
		case extensionEarlyData:
			e.earlyData = true
		}
	})
	return e
}

// versionName names a version as REPORT.md does.
func versionName(v uint16) string {
	switch v {
	case versionSSL20:
		return "SSL 2.0"
	case versionSSL30:
		return "SSL 3.0"
	case versionTLS10, versionTLS11, versionTLS12, versionTLS13:
		return fmt.Sprintf("TLS 1.%d", v-versionTLS10)
	}
	if isTLS13(v) {
		return fmt.Sprintf("TLS 1.3 draft-%d", v&0xff)
	}
	return fmt.Sprintf("0x%04X", v)
}
