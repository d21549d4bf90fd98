//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a run leaves on the system while it lasts, a cgroup and a directory, is
// named after the run and locked by it, so that the next run can tell what a
// killed one left behind.

// ownedPrefix begins the name of everything that a run creates.
const ownedPrefix = "gopx-trace-"

// ownedName is the name of what this process creates: pid and start time
// together are unique since boot.
func ownedName(proc string) (string, error) {
	pid := os.Getpid()
	start, err := startTime(proc, pid)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%d-%d", ownedPrefix, pid, start), nil
}

// startTime returns field 22 of /proc/PID/stat, in clock ticks since boot. The
// command name in field 2 may hold blanks, so fields are counted behind its ')'.
func startTime(proc string, pid int) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 {
		return 0, errors.New("unexpected format of /proc/PID/stat")
	}
	return strconv.ParseUint(f[19], 10, 64)
}

// owner parses an owned name.
func owner(name string) (pid int, start uint64, ok bool) {
	rest, ok := strings.CutPrefix(name, ownedPrefix)
	if !ok {
		return 0, 0, false
	}
	p, t, ok := strings.Cut(rest, "-")
	if !ok {
		return 0, 0, false
	}
	pid, err1 := strconv.Atoi(p)
	start, err2 := strconv.ParseUint(t, 10, 64)
	return pid, start, err1 == nil && err2 == nil && pid > 0
}

// lock takes the lock that tells others that the directory is in use, for as
// long as the file stays open. It also works where the owner's pid means
// nothing to us, because it lives in another PID namespace.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// leftovers returns the directories below parent that runs which are gone have
// left there.
func leftovers(proc, parent string) []string {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil
	}
	var dead []string
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		if e.IsDir() && abandoned(proc, dir) {
			dead = append(dead, dir)
		}
	}
	return dead
}

// abandoned reports whether the run that created a directory is gone: no such
// process, and nobody holds the lock.
func abandoned(proc, dir string) bool {
	pid, start, ok := owner(filepath.Base(dir))
	if !ok {
		return false
	}
	if now, err := startTime(proc, pid); err == nil && now == start {
		return false
	}
	f, err := lock(dir)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
