//go:build linux

package bpf

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	// rootCgroup is the id, and inode number, of the topmost cgroup (kernfs_init,
	// fs/kernfs/dir.c, begins with 1).
	rootCgroup = 1
	// maxLevel is LEVELS_MAX of ring.bpf.h.
	maxLevel = 64
)

// scope is the watched cgroup.
type scope struct {
	dir *os.File
	// id is the cgroup's id, which bpf_get_current_ancestor_cgroup_id compares.
	id uint64
	// level is how deep the cgroup lies, 0 for the root. levelMax is the same
	// unless the real root cannot be seen from here.
	level, levelMax uint32
}

// openScope opens a cgroup2 directory; errors wrap ErrNoCgroup2.
func openScope(path string) (*scope, error) {
	path, err := filepath.EvalSymlinks(path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCgroup2, err)
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCgroup2, err)
	}
	s := &scope{dir: dir}
	if err := s.locate(path); err != nil {
		dir.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the directory. Links to the cgroup stay.
func (s *scope) Close() error {
	return s.dir.Close()
}

// locate finds the id and level of the cgroup at path, which s.dir is open on.
func (s *scope) locate(path string) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(s.dir.Fd()), &fs); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoCgroup2, path, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("%w: %s", ErrNoCgroup2, path)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(s.dir.Fd()), &st); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoCgroup2, path, err)
	}
	s.id = st.Ino
	top := s.climb(path, st)
	s.levelMax = s.level
	if top != rootCgroup {
		s.levelMax = maxLevel - 1
	}
	return nil
}

// climb counts the levels from path, whose status is st, to the top of the mount
// and returns the inode number found there. In a cgroup namespace, and in a bind
// mount, that is not the root's.
func (s *scope) climb(path string, st unix.Stat_t) uint64 {
	top := st.Ino
	for top != rootCgroup && s.level < maxLevel-1 {
		path = filepath.Dir(path)
		var parent unix.Stat_t
		if unix.Stat(path, &parent) != nil || parent.Dev != st.Dev {
			break
		}
		top = parent.Ino
		s.level++
	}
	return top
}
