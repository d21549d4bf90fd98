package goproxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		value string
		want  []Entry
		err   string
	}{
		{"https://a.test,direct", []Entry{{"https://a.test", ","}, {"direct", ""}}, ""},
		{"https://a.test|https://b.test/x,off", []Entry{{"https://a.test", "|"}, {"https://b.test/x", ","}, {"off", ""}}, ""},
		{"a.test , b.test:8081/base", []Entry{{"https://a.test", ","}, {"https://b.test:8081/base", ""}}, ""},
		{"direct,https://a.test", []Entry{{"direct", ""}}, ""},
		{"off", []Entry{{"off", ""}}, ""},
		{",,https://a.test,", []Entry{{"https://a.test", ""}}, ""},
		{"http://a.test;direct", []Entry{{"http://a.test;direct", ""}}, ""},
		{"file:///srv/modules", []Entry{{"file:///srv/modules", ""}}, ""},
		{",", nil, "contains no entries"},
		{" ", nil, "contains no entries"},
		{"https://a.test,Direct", []Entry{{"https://a.test", ","}}, "missing scheme: Direct"},
		{"ftp://a.test", nil, "invalid proxy URL scheme"},
		{"ftp://u:pw@a.test", nil, "ftp://***@a.test"},
		{"https://u:p%zz@a.test", nil, "invalid proxy URL: https://***@a.test"},
	} {
		got, err := ParseList(c.value)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.value, diff)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: error %v, want %q", c.value, err, c.err)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.test/x":               "https://a.test/x",
		"https://user:pw@a.test/x":       "https://***@a.test/x",
		"https://user@a.test":            "https://***@a.test",
		"http://us:p@ss@a.test:3128":     "http://***@a.test:3128",
		"http://us:p/w@a.test:3128":      "http://***@a.test:3128",
		"http://us:p#w@a.test":           "http://***@a.test",
		"user:pw@a.test:3128":            "***@a.test:3128",
		"https://a.test/lookup/m@v1.0.0": "https://a.test/lookup/m@v1.0.0",
		"https://a.test:8443/m@v":        "https://a.test:8443/m@v",
		"https://[::1]:8443/m@v":         "https://[::1]:8443/m@v",
		"direct":                         "direct",
		"":                               "",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzProxyList(f *testing.F) {
	for _, s := range []string{"https://a.test,direct", "a|b.c:1/d,off", "https://u:p@h/,,", "http://[::1", "Direct", "%", "|,|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		list, err := ParseList(value)
		if len(list) == 0 && err == nil {
			t.Fatal("neither entries nor an error")
		}
		for i, e := range list {
			if !e.IsURL() && i != len(list)-1 {
				t.Errorf("entry %d is %s and not the last", i, e.URL)
			}
			if s := e.Separator; s != "" && s != "," && s != "|" {
				t.Errorf("separator %q", s)
			}
			if _, _, _, ok := e.base(); ok && e.Host() != strings.ToLower(e.Host()) {
				t.Errorf("host %q", e.Host())
			}
		}
		if m := Mask(value); strings.Count(m, "***") > strings.Count(value, "***")+1 {
			t.Errorf("Mask(%q) = %q", value, m)
		}
	})
}
