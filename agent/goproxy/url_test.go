package goproxy

import (
	"net/url"
	"reflect"
	"testing"
)

func TestParseURLWithoutAllocating(t *testing.T) {
	const raw = "https://goproxy.test:8443/base/golang.org/x/text/@v/v0.3.0-rc.1+incompatible.info"
	if n := testing.AllocsPerRun(10, func() {
		if u, err := parseURL(raw); err != nil || u.Host != "goproxy.test:8443" {
			t.Error(u, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The short way and the long one must give the same.
func FuzzParseURL(f *testing.F) {
	for _, raw := range []string{
		"", "https://a.test", "https://a.test/", "http://10.0.0.1:80/x/@v/list", "https://a.test:/x", "https://a.test//x", "https:///x",
		"https://a.test/!azure/@v/v1.0.0.zip", "https://a.test/%41", "https://a.test/x?y=1", "https://a.test/x#f", "https://u:p@a.test/",
		"HTTPS://A.test/x", "https://[::1]:8/x", "https://a b/x", "a.test:443", "/path", "https://a.test/a:b;c,d=e$f&g+h~i", "https://a.test:99x/", "http://a.test/\x7f",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		want, wantErr := url.Parse(raw)
		got, err := parseURL(raw)
		if (err != nil) != (wantErr != nil) || err == nil && !reflect.DeepEqual(got, *want) {
			t.Errorf("%q is %#v (%v), want %#v (%v)", raw, got, err, want, wantErr)
		}
	})
}
