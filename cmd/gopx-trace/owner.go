package main

import (
	"os"
	"strconv"
)

// fileOwner is who shall own the files that we make: the user behind sudo.
type fileOwner struct {
	uid, gid int
	set      bool
}

// ownerOf returns the user who called sudo, or nobody in particular.
func ownerOf(e *env) fileOwner {
	uid, err1 := strconv.Atoi(e.getenv("SUDO_UID"))
	gid, err2 := strconv.Atoi(e.getenv("SUDO_GID"))
	return fileOwner{uid, gid, err1 == nil && err2 == nil && os.Geteuid() == 0}
}

// take gives a regular file to its owner.
func (o fileOwner) take(f *os.File) error {
	st, err := f.Stat()
	if !o.set || err != nil || !st.Mode().IsRegular() {
		return err
	}
	return f.Chown(o.uid, o.gid)
}
