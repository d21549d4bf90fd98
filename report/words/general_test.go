package words

import "testing"

func TestGeneral(t *testing.T) {
	for template, want := range map[string]string{
		"{host} is down":                        "HOST is down",
		"{host}{place}{via} sent {n} of {m}":    "HOST sent N of M",
		"curl {url}:{port}/ {count}2{via}":      "curl URL:PORT/ COUNT2",
		"openssl s_client{connect} -x {target}": "openssl s_client -x TARGET",
		"no answer for {seconds} s{brief}":      "no answer for SECONDS s",
	} {
		if got := General(template); got != want {
			t.Errorf("%q: %q, want %q", template, got, want)
		}
	}
}
