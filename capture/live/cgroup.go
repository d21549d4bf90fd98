//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/bpf"
)

// group is the cgroup v2 directory that the command runs in: what is in it is
// what is observed.
type group struct {
	dir  string
	file *os.File // open and locked; its descriptor places the command
}

// newGroup creates the cgroup of this run below our own, or below the root of
// the mount where that is not possible, and cleans up what dead runs left.
func newGroup(proc string) (*group, error) {
	parents, err := groupParents(proc)
	if err != nil {
		return nil, err
	}
	name, err := ownedName(proc)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, parent := range parents {
		for _, dir := range leftovers(proc, parent) {
			_, _ = emptyGroup(proc, dir) // a directory that stays harms nobody
		}
		g, err := makeGroup(filepath.Join(parent, name))
		if err == nil {
			return g, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// makeGroup creates and locks one directory.
func makeGroup(dir string) (*group, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := lock(dir)
	if err != nil {
		_ = os.Remove(dir)
		return nil, err
	}
	// Below a threaded cgroup a new one is "domain invalid" and takes no
	// process (cgroups(7)).
	kind, err := os.ReadFile(filepath.Join(dir, "cgroup.type"))
	if err == nil && strings.TrimSpace(string(kind)) != "domain" {
		err = fmt.Errorf("%s: a cgroup of type %s takes no process", dir, strings.TrimSpace(string(kind)))
	}
	if err != nil {
		f.Close()
		_ = os.Remove(dir)
		return nil, err
	}
	return &group{dir: dir, file: f}, nil
}

// remove moves what still runs to the parent and removes the directory. It
// returns the pids that were moved; they are left running.
func (g *group) remove() ([]int, error) {
	pids, err := emptyGroup(proc, g.dir)
	g.file.Close()
	return pids, err
}

// pids returns the processes in the cgroup.
func (g *group) pids() []int { return groupPIDs(g.dir) }

// populated reports whether a process lives in the cgroup or below it, or that this
// is not known (cgroup.events: Documentation/admin-guide/cgroup-v2.rst).
func (g *group) populated() bool {
	b, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
	return err != nil || !slices.Contains(strings.Split(string(b), "\n"), "populated 0")
}

// kill ends every process of the cgroup and of the cgroups below it at once,
// so that none escapes by forking (cgroup.kill of cgroups(7), Linux 5.14).
func (g *group) kill() error {
	f, err := os.OpenFile(filepath.Join(g.dir, "cgroup.kill"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("1")
	return err
}

// emptyRounds bounds the attempts to outrun a process that forks.
const emptyRounds = 50

// emptyGroup moves every process of a cgroup to its parent and removes it,
// after the cgroups that runs inside of it left there when they were killed.
// Those of runs that live, and those that others made, stay, and so does then
// the cgroup itself: a later run finds it.
func emptyGroup(proc, dir string) ([]int, error) {
	procs := filepath.Join(filepath.Dir(dir), "cgroup.procs")
	var moved []int
	for _, below := range leftovers(proc, dir) {
		pids, _ := emptyGroup(proc, below) // removing dir tells whether it is gone
		moved = append(moved, pids...)
	}
	var err error
	for range emptyRounds {
		for _, pid := range groupPIDs(dir) {
			if os.WriteFile(procs, []byte(strconv.Itoa(pid)), 0) == nil {
				moved = append(moved, pid)
			}
		}
		if err = os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return moved, nil
		}
	}
	return moved, err
}

// groupPIDs reads cgroup.procs.
func groupPIDs(dir string) []int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// groupParents returns the directories to try, best first.
func groupParents(proc string) ([]string, error) {
	table, err := os.ReadFile(filepath.Join(proc, "self", "mountinfo"))
	if err != nil {
		return nil, err
	}
	point, root, ok := cgroup2Mount(table)
	if !ok {
		return nil, fmt.Errorf("no cgroup2 file system is mounted: %w", bpf.ErrNoCgroup2)
	}
	own, err := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	if err != nil {
		return nil, err
	}
	parents := []string{}
	if rel, ok := ownGroup(own, root); ok && rel != "/" {
		parents = append(parents, filepath.Join(point, rel))
	}
	return append(parents, point), nil
}

// cgroupPoint is where the cgroup2 file system is mounted, or usually is.
func cgroupPoint(proc string) string {
	table, err := os.ReadFile(filepath.Join(proc, "self", "mountinfo"))
	if err == nil {
		if point, _, ok := cgroup2Mount(table); ok {
			return point
		}
	}
	return "/sys/fs/cgroup"
}

// cgroup2Mount finds the cgroup2 file system in a mount table
// (proc_pid_mountinfo(5)): where it is mounted and what of it.
func cgroup2Mount(table []byte) (point, root string, ok bool) {
	for line := range strings.Lines(string(table)) {
		before, after, found := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if kind, _, _ := strings.Cut(after, " "); !found || len(f) < 6 || kind != "cgroup2" {
			continue
		}
		// Mount points of a cgroup file system hold no escaped characters
		// unless somebody wants trouble; those are passed over.
		if !strings.Contains(f[4], `\`) && strings.HasPrefix(f[4], "/") {
			return f[4], f[3], true
		}
	}
	return "", "", false
}

// ownGroup returns our cgroup v2 path relative to the mount, from
// /proc/self/cgroup (cgroups(7)); ok is false if it lies outside of it.
func ownGroup(b []byte, root string) (string, bool) {
	for line := range strings.Lines(string(b)) {
		path, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !found || !strings.HasPrefix(path, "/") || strings.Contains(path, "/..") {
			continue
		}
		rel, inside := strings.CutPrefix(path, strings.TrimSuffix(root, "/"))
		if !inside || rel != "" && rel[0] != '/' {
			return "", false
		}
		return filepath.Join("/", rel), true
	}
	return "", false
}
