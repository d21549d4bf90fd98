package decode

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// isGREASE says whether a value is one of RFC 8701, which clients add at random.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func withoutGREASE(list []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(list), isGREASE)
}

// ja3 is the JA3 fingerprint: MD5 of version, suites, extensions, groups and
// point formats in wire order, in decimal, without GREASE.
func ja3(h *clientHello) string {
	sum := md5.Sum([]byte(ja3Text(h)))
	return hex.EncodeToString(sum[:])
}

// ja3Text is what [ja3] hashes.
func ja3Text(h *clientHello) string {
	formats := make([]uint16, len(h.formats))
	for i, f := range h.formats {
		formats[i] = uint16(f)
	}
	fields := []string{strconv.Itoa(int(h.version))}
	for _, list := range [][]uint16{withoutGREASE(h.suites), withoutGREASE(h.extensions), withoutGREASE(h.groups), formats} {
		fields = append(fields, joined(list, "%d", "-"))
	}
	return strings.Join(fields, ",")
}

// joined formats each number and puts a separator between.
func joined(list []uint16, format, separator string) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteString(separator)
		}
		fmt.Fprintf(&b, format, v)
	}
	return b.String()
}

// ja4 is the JA4 fingerprint of TLS over TCP as FoxIO defines it
// (technical_details/JA4.md of FoxIO-LLC/ja4): a readable part, a hash of the
// sorted suites, and a hash of the sorted extensions with the signature
// algorithms in wire order.
func ja4(h *clientHello) string {
	suites, extensions := withoutGREASE(h.suites), withoutGREASE(h.extensions)
	return ja4Head(h, len(suites), len(extensions)) + "_" + ja4Suites(suites) + "_" + ja4Extensions(h, extensions)
}

// ja4Head is the readable part.
func ja4Head(h *clientHello, suites, extensions int) string {
	name := "i"
	if h.hasName {
		name = "d"
	}
	return fmt.Sprintf("t%s%s%02d%02d%s", ja4Version(h), name, min(suites, 99), min(extensions, 99), ja4ALPN(h.protocols))
}

// ja4Version is the highest version that is offered.
func ja4Version(h *clientHello) string {
	v := h.version
	if offered := withoutGREASE(h.versions); len(offered) > 0 {
		v = slices.Max(offered)
	}
	switch v {
	case versionTLS13:
		return "13"
	case versionTLS12:
		return "12"
	case versionTLS11:
		return "11"
	case versionTLS10:
		return "10"
	case versionSSL30:
		return "s3"
	case versionSSL20:
		return "s2"
	}
	return "00"
}

// ja4ALPN is the first and the last character of the first protocol offered,
// or of its hexadecimal form if one of them is not alphanumeric.
func ja4ALPN(protocols []string) string {
	if len(protocols) == 0 || protocols[0] == "" {
		return "00"
	}
	p := protocols[0]
	first, last := p[0], p[len(p)-1]
	if !alphanumeric(first) || !alphanumeric(last) {
		const digits = "0123456789abcdef"
		first, last = digits[first>>4], digits[last&0xf]
	}
	return string([]byte{first, last})
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func ja4Suites(suites []uint16) string {
	slices.Sort(suites)
	return ja4Hash(joined(suites, "%04x", ","))
}

// ja4Extensions leaves server name and ALPN out, which the head has.
func ja4Extensions(h *clientHello, extensions []uint16) string {
	extensions = slices.DeleteFunc(extensions, func(id uint16) bool {
		return id == extensionServerName || id == extensionALPN
	})
	slices.Sort(extensions)
	text := joined(extensions, "%04x", ",")
	if signatures := withoutGREASE(h.signatures); len(signatures) > 0 {
		text += "_" + joined(signatures, "%04x", ",")
	}
	return ja4Hash(text)
}

// ja4Hash is the first 12 digits of SHA-256; zeros for nothing.
func ja4Hash(text string) string {
	const digits = 12
	if text == "" {
		return strings.Repeat("0", digits)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:digits]
}
