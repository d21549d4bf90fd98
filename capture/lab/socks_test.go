package lab

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadSOCKSRequest(t *testing.T) {
	for _, tt := range []struct {
		name, in, target string
		code             byte
		ok               bool
	}{
		{"name", "\x05\x01\x00\x03\x0cgoproxy.test\x01\xbb", "goproxy.test:443", 0, true},
		{"IPv4", "\x05\x01\x00\x01\x0a\x4d\x00\x0a\x00\x50", "10.77.0.10:80", 0, true},
		{"IPv6", "\x05\x01\x00\x04\xfd\x77" + strings.Repeat("\x00", 13) + "\x0a\x01\xbb", "[fd77::a]:443", 0, true},
		{"bind", "\x05\x02\x00\x01\x0a\x4d\x00\x0a\x00\x50", "", socksBadCommand, false},
		{"address type", "\x05\x01\x00\x02", "", socksBadAddress, false},
		{"version 4", "\x04\x01\x00\x50\x0a\x4d\x00\x0a", "", 0, false},
		{"cut in the name", "\x05\x01\x00\x03\x0cgopr", "", 0, false},
		{"cut before the port", "\x05\x01\x00\x01\x0a\x4d\x00\x0a\x00", "", 0, false},
		{"empty", "", "", 0, false},
	} {
		target, code, err := readSOCKSRequest(strings.NewReader(tt.in))
		if target != tt.target || code != tt.code || (err == nil) != tt.ok {
			t.Errorf("%s: %q, code %d, %v", tt.name, target, code, err)
		}
	}
}

func TestGreetSOCKS(t *testing.T) {
	const credentials = "\x01\x03lab\x06secret"
	for _, tt := range []struct {
		name, in string
		auth     bool
		reply    string
		ok       bool
	}{
		{"open", "\x05\x01\x00", false, "\x05\x00", true},
		{"password offered, not wanted", "\x05\x02\x00\x02", false, "\x05\x00", true},
		{"right password", "\x05\x02\x00\x02" + credentials, true, "\x05\x02\x01\x00", true},
		{"wrong password", "\x05\x01\x02\x01\x03lab\x06Secret", true, "\x05\x02\x01\x01", false},
		{"wrong version of the subnegotiation", "\x05\x01\x02\x05\x03lab\x06secret", true, "\x05\x02\x01\x01", false},
		{"no password", "\x05\x01\x00", true, "\x05\xff", false},
		{"GSSAPI only", "\x05\x01\x01", false, "\x05\xff", false},
		{"version 4", "\x04\x01\x00", false, "", false},
		{"cut", "\x05\x03\x00", false, "", false},
	} {
		var reply bytes.Buffer
		err := greetSOCKS(strings.NewReader(tt.in), &reply, tt.auth)
		if reply.String() != tt.reply || (err == nil) != tt.ok {
			t.Errorf("%s: replied %q, %v", tt.name, reply.String(), err)
		}
	}
}

func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x03\x0cgoproxy.test\x01\xbb"), false)
	f.Add([]byte("\x05\x01\x02\x01\x03lab\x06secret\x05\x01\x00\x04"), true)
	f.Fuzz(func(t *testing.T, in []byte, auth bool) {
		r := bytes.NewReader(in)
		var reply bytes.Buffer
		if err := greetSOCKS(r, &reply, auth); err != nil {
			return
		}
		if auth && !bytes.Contains(in, []byte(proxyPassword)) {
			t.Errorf("let in without the password: %q", in)
		}
		target, code, err := readSOCKSRequest(r)
		if (err == nil) != (target != "") || err == nil && code != socksSucceeded {
			t.Errorf("target %q, code %d, %v", target, code, err)
		}
	})
}
