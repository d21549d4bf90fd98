//go:build linux

package gate

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debug/elf is the judge of what real programs need.
func TestNeededAgainstDebugELF(t *testing.T) {
	checked := 0
	for _, name := range []string{"sh", "git", "curl", "go", "openssl", "ssh", "tshark"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		want, err := f.ImportedLibraries()
		if err != nil {
			t.Fatal(err)
		}
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got := needed(r)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", path, diff)
		}
		f.Close()
		r.Close()
		checked++
	}
	if checked == 0 {
		t.Skip("none of the programs is there")
	}
}

func TestStackOf(t *testing.T) {
	for _, tt := range []struct {
		libraries []string
		want      string
	}{
		{nil, "none"},
		{[]string{"libc.so.6", "libsslx.so.1"}, "none"},
		{[]string{"libc.so.6", "libssl.so.3"}, "openssl"},
		{[]string{"libcurl.so.4"}, "openssl"},
		{[]string{"libcurl-gnutls.so.4", "libc.so.6"}, "gnutls"},
		{[]string{"libgnutls.so.30"}, "gnutls"},
	} {
		if got := stackOf(tt.libraries); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.libraries, got, tt.want)
		}
	}
}

func FuzzNeeded(f *testing.F) {
	if b, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(b[:min(len(b), 8<<10)])
	}
	f.Add([]byte("\x7fELF\x02\x01"))
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		if names := needed(bytes.NewReader(b)); len(names) > maxNeeded {
			t.Errorf("%d names", len(names))
		}
	})
}
