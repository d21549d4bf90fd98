//go:build linux

package live

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

// keyDir is the directory whose file takes the TLS secrets of git, curl and
// others that honour SSLKEYLOGFILE.
type keyDir struct {
	dir  string
	lock *os.File
}

// keyLogVariable makes OpenSSL's curl, GnuTLS and NSS write their secrets.
const keyLogVariable = "SSLKEYLOGFILE"

// keyDirParent returns where the directories of all runs lie: /run is a tmpfs
// and gone after a reboot.
func keyDirParent() string {
	if fi, err := os.Stat("/run"); err == nil && fi.IsDir() {
		return "/run/gopx-trace"
	}
	return filepath.Join(os.TempDir(), "gopx-trace")
}

// newKeyDir creates the directory and the file of this run, which only user u
// may enter, and cleans up what dead runs left. A regular file and not a FIFO:
// a writer must never wait for us.
func newKeyDir(proc, parent string, u invoker.User) (*keyDir, error) {
	if err := os.Mkdir(parent, 0o711); err != nil && !os.IsExist(err) {
		return nil, err
	}
	if err := ours(parent); err != nil {
		return nil, err
	}
	// Whatever the umask was when it was made: sudo keeps the user's, and 077
	// would keep everybody but root from the key log for good.
	if err := os.Chmod(parent, 0o711); err != nil {
		return nil, err
	}
	for _, dir := range leftovers(proc, parent) {
		_ = os.RemoveAll(dir) // tried again by the next run
	}
	name, err := ownedName(proc)
	if err != nil {
		return nil, err
	}
	k := &keyDir{dir: filepath.Join(parent, name)}
	if err := os.Mkdir(k.dir, 0o700); err != nil {
		return nil, err
	}
	if err := k.fill(u); err != nil {
		k.remove()
		return nil, err
	}
	return k, nil
}

// ours makes sure that nobody else put the directory there: below a world-writable
// directory its owner could exchange what is in it.
func ours(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !fi.IsDir() || !ok || st.Uid != uint32(os.Geteuid()) || fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s exists and is not a directory of our own", dir)
	}
	return nil
}

// fill locks the directory, creates the file and hands both to the user; the
// file first, while nobody else can touch the directory.
func (k *keyDir) fill(u invoker.User) error {
	var err error
	if k.lock, err = lock(k.dir); err != nil {
		return err
	}
	f, err := os.OpenFile(k.file(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chown(int(u.UID), int(u.GID)); err != nil {
		return err
	}
	return k.lock.Chown(int(u.UID), int(u.GID))
}

// file is the key log.
func (k *keyDir) file() string { return filepath.Join(k.dir, "keys.log") }

// remove deletes the directory.
func (k *keyDir) remove() {
	_ = os.RemoveAll(k.dir) // tried again by the next run
	if k.lock != nil {
		k.lock.Close()
	}
}
