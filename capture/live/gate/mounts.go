//go:build linux

package gate

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mount is a line of /proc/PID/mountinfo, as far as it matters here.
type mount struct {
	id     string
	point  string
	fsType string
	noexec bool
}

// maxMounts bounds the mount table; kernels allow 100,000 by default
// (fs.mount-max).
const maxMounts = 100_000

// maxMountinfo bounds the bytes of it.
const maxMountinfo = 64 << 20

// remoteWait is how long a mount whose server may be dead can hold things up.
const remoteWait = 250 * time.Millisecond

// markAll watches every mount that is not watched yet.
func (g *Gate) markAll() {
	mounts := parseMountinfo(readTable(g.mounts))
	g.forgetMounts(mounts)
	deadline := time.Now().Add(remoteWait)
	var remote []<-chan error
	for _, m := range mounts {
		if g.marks[m.id] || !m.executable() {
			continue
		}
		g.marks[m.id] = true
		if m.remote() {
			remote = append(remote, g.markAside(m))
			continue
		}
		g.marked(m, mark(g.fan, g.root, m))
	}
	for _, c := range remote {
		select {
		case <-c:
		case <-time.After(time.Until(deadline)):
		}
	}
}

// forgetMounts drops the ids of mounts that are gone: the kernel gives them to
// new ones.
func (g *Gate) forgetMounts(now []mount) {
	there := map[string]bool{}
	for _, m := range now {
		there[m.id] = true
	}
	maps.DeleteFunc(g.marks, func(id string, _ bool) bool { return !there[id] })
}

// readTable reads a mount table from its start; what could be read if there is
// an error.
func readTable(fd int) []byte {
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return nil
	}
	var table []byte
	buf := make([]byte, 64<<10)
	for len(table) < maxMountinfo {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			break
		}
		table = append(table, buf[:n]...)
	}
	return table
}

// markAside watches a mount in the background: looking up the root of a
// network file system whose server is gone can block for ever. It works on
// descriptors of its own, because the gate may be closed meanwhile.
func (g *Gate) markAside(m mount) <-chan error {
	c := make(chan error, 1)
	fan, err := unix.FcntlInt(uintptr(g.fan), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		c <- err
		return c
	}
	root, err := unix.FcntlInt(uintptr(g.root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		unix.Close(fan)
		c <- err
		return c
	}
	go func() {
		defer unix.Close(fan)
		defer unix.Close(root)
		err := mark(fan, root, m)
		g.marked(m, err)
		c <- err
		select {
		case <-g.done: // too late: nobody answers for it any more
			_ = unix.FanotifyMark(fan, unix.FAN_MARK_FLUSH|unix.FAN_MARK_MOUNT, 0, unix.AT_FDCWD, "/")
		default:
		}
	}()
	return c
}

// mark watches one mount.
func mark(fan, root int, m mount) error {
	path := "/proc/self/fd/" + strconv.Itoa(root) + m.point
	return unix.FanotifyMark(fan, unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, unix.FAN_OPEN_EXEC_PERM, unix.AT_FDCWD, path)
}

// marked counts the result.
func (g *Gate) marked(m mount, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.stats.Mounts++
	} else if len(g.stats.Unmarked) < maxUnmarked {
		g.stats.Unmarked = append(g.stats.Unmarked, fmt.Sprintf("%s: %v", m.point, err))
	}
}

// maxUnmarked bounds the list of mounts that could not be watched.
const maxUnmarked = 16

// executable reports whether programs can be run from the mount. autofs is
// left out because looking at it would mount what it stands for.
func (m mount) executable() bool {
	if m.noexec {
		return false
	}
	switch m.fsType {
	case "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs",
		"fusectl", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs":
		return false
	}
	return true
}

// remote reports whether another machine or a user's process answers for the
// file system.
func (m mount) remote() bool {
	switch m.fsType {
	case "9p", "afs", "ceph", "cifs", "nfs", "nfs4", "smb3", "virtiofs":
		return true
	}
	return strings.HasPrefix(m.fsType, "fuse")
}

// parseMountinfo reads a mount table (proc_pid_mountinfo(5)). Lines that do not
// fit the format are left out.
func parseMountinfo(b []byte) []mount {
	var mounts []mount
	for line := range bytes.Lines(b) {
		if m, ok := parseMount(strings.TrimSuffix(string(line), "\n")); ok && len(mounts) < maxMounts {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// parseMount reads "ID PARENT DEV ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS".
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	f := strings.Fields(before)
	rest := strings.Fields(after)
	if !ok || len(f) < 6 || len(rest) < 1 {
		return mount{}, false
	}
	m := mount{id: f[0], point: unescape(f[4]), fsType: rest[0]}
	if !strings.HasPrefix(m.point, "/") {
		return mount{}, false
	}
	for option := range strings.SplitSeq(f[5], ",") {
		m.noexec = m.noexec || option == "noexec"
	}
	return m, true
}

// unescape undoes the octal escapes of white space and backslash (fs/seq_file.c,
// mangle_path).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Usable reports whether the gate is at all possible for this process, without
// marking anything.
func Usable() error {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		return os.NewSyscallError("fanotify_init", err)
	}
	return unix.Close(fd)
}
