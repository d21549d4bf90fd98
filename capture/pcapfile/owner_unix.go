//go:build unix

package pcapfile

import (
	"os"
	"syscall"
)

// sameOwner gives f the owner, group and mode of the file it is to replace.
func sameOwner(f, old *os.File) error {
	st, err := old.Stat()
	if err != nil {
		return err
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		if err := f.Chown(int(sys.Uid), int(sys.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(st.Mode().Perm())
}
