//go:build linux

package invoker

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// User is what a process may do, by the ids the kernel checks.
type User struct {
	UID, GID uint32
	// Groups are the supplementary groups.
	Groups []uint32
}

// Self returns the user of this process.
func Self() User {
	u := User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	gids, err := os.Getgroups()
	if err != nil {
		return u
	}
	for _, g := range gids {
		u.Groups = append(u.Groups, uint32(g))
	}
	return u
}

// sudoUser returns the user who ran the sudo process, from the SUDO_UID and
// SUDO_GID that sudo set.
func sudoUser(proc string, sudo int, env []string) (User, error) {
	uid, err := envID(env, "SUDO_UID")
	if err != nil {
		return User{}, err
	}
	gid, err := envID(env, "SUDO_GID")
	if err != nil {
		return User{}, err
	}
	return User{UID: uid, GID: gid, Groups: groupsOf(proc, sudo, uid, gid)}, nil
}

// envID reads a user or group id out of an environment.
func envID(env []string, name string) (uint32, error) {
	v, _ := lookup(env, name)
	id, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s=%q is not an id", name, v)
	}
	return uint32(id), nil
}

// groupsOf returns the supplementary groups of the user who ran sudo: those of
// the process that called it, which are the ones in force and need no
// directory service, or else those the user database gives.
func groupsOf(proc string, sudo int, uid, gid uint32) []uint32 {
	if caller, ok := sudoCaller(proc, sudo); ok {
		status, err := readProc(proc, caller, "status")
		if groups, ok := statusGroups(status, uid); err == nil && ok {
			return groups
		}
	}
	if groups := databaseGroups(uid); groups != nil {
		return groups
	}
	return []uint32{gid}
}

// statusGroups reads the Groups line of a /proc/PID/status, if the process
// runs as uid throughout: one that is set-user-ID keeps the real id of the
// user and may have taken groups that are not the user's.
func statusGroups(status []byte, uid uint32) ([]uint32, bool) {
	var groups []uint32
	same, found := false, false
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		ids := parseIDs(value)
		switch key {
		case "Uid":
			same = slices.Equal(ids, []uint32{uid, uid, uid, uid})
		case "Groups":
			groups, found = ids, true
		}
	}
	return groups, same && found
}

// parseIDs reads ids separated by white space and stops at what is none.
func parseIDs(s string) []uint32 {
	var ids []uint32
	for _, f := range strings.Fields(s) {
		id, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return ids
		}
		ids = append(ids, uint32(id))
	}
	return ids
}

// databaseGroups asks the user database; nil if it does not know the user.
func databaseGroups(uid uint32) []uint32 {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nil
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil
	}
	return parseIDs(strings.Join(names, " "))
}

// readAllLimited reads r to its end, or fails at more than limit bytes.
func readAllLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}
