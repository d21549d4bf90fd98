//go:build linux

package gate

import (
	"strings"
	"testing"
)

func TestParseMountinfo(t *testing.T) {
	const table = `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 0:27 / /mnt/with\040blank\134 rw,noatime master:2 propagate_from:3 - tmpfs none rw
31 27 0:28 / /media/usb rw,nosuid,noexec - vfat /dev/sdb1 rw
32 27 0:29 / /home/u/mnt rw - fuse.sshfs u@h: rw
33 27 0:30 /
`
	mounts := parseMountinfo([]byte(table + strings.Repeat("x", 100) + "\n\n"))
	if len(mounts) != 5 {
		t.Fatalf("%d mounts: %+v", len(mounts), mounts)
	}
	for i, want := range []struct {
		point              string
		executable, remote bool
	}{
		{"/", true, false},
		{"/proc", false, false},
		{`/mnt/with blank\`, true, false},
		{"/media/usb", false, false},
		{"/home/u/mnt", true, true},
	} {
		m := mounts[i]
		if m.point != want.point || m.executable() != want.executable || m.remote() != want.remote {
			t.Errorf("%+v, want %+v", m, want)
		}
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add([]byte("27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"))
	f.Add([]byte(`1 2 3 4 /\04 rw - x`))
	f.Add([]byte(" - \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range parseMountinfo(b) {
			if !strings.HasPrefix(m.point, "/") || m.fsType == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}
