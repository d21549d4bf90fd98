//go:build linux

// Package invoker tells for whom a command is to run: who called sudo, and the
// environment that this user had before sudo replaced it.
//
// sudo strips variables such as GOPROXY and HTTPS_PROXY and sets its own PATH
// and HOME. A trace taken under that environment would be of another
// configuration than the user's. sudo stays as the parent of what it runs, so
// its own environment can be read in /proc.
package invoker

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Invoker is the user a command runs as, and that user's environment.
type Invoker struct {
	User User
	// Env is the environment of the command, as NAME=value.
	Env []string
	// Sudo is set when the environment and the user were recovered from a sudo
	// process, which is then SudoPID.
	Sudo    bool
	SudoPID int
	// Note is a sentence about what could not be recovered, or empty.
	Note string
}

// Paths says where the system's files are. Tests put others in their place.
type Paths struct {
	Proc        string // /proc
	Environment string // /etc/environment, which pam_env adds to sudo's environment
}

// System returns the paths of the running system.
func System() Paths { return Paths{Proc: "/proc", Environment: "/etc/environment"} }

// maxAncestors bounds the walk towards pid 1.
const maxAncestors = 64

// Find returns for whom process pid with the environment env acts. Without
// sudo that is the process's own user with env unchanged. The error is one of
// a malformed SUDO_UID or SUDO_GID.
func Find(p Paths, pid int, env []string) (Invoker, error) {
	self := Invoker{User: Self(), Env: env}
	if _, ok := lookup(env, "SUDO_UID"); !ok {
		return self, nil
	}
	sudo, ok := sudoAncestor(p.Proc, pid)
	if !ok {
		return self, nil
	}
	u, err := sudoUser(p.Proc, sudo, env)
	if err != nil {
		return Invoker{}, err
	}
	inv := Invoker{User: u, Env: env, Sudo: true, SudoPID: sudo}
	environ, err := readProc(p.Proc, sudo, "environ")
	if err != nil {
		inv.Note = fmt.Sprintf("the environment that sudo replaced could not be read (%v): proxy settings may be missing", err)
		return inv, nil
	}
	cmdline, _ := readProc(p.Proc, sudo, "cmdline")
	pam, _ := readSmall(p.Environment)
	inv.Env = Recover(environ, cmdline, pam, env)
	return inv, nil
}

// sudoAncestor returns the nearest ancestor of pid whose command name is sudo.
func sudoAncestor(proc string, pid int) (int, bool) {
	for range maxAncestors {
		ppid, comm, ok := parent(proc, pid)
		if !ok || comm == sudoName {
			return ppid, ok
		}
		pid = ppid
	}
	return 0, false
}

// sudoCaller returns the process that called sudo. With a terminal for the
// command (use_pty of sudoers(5)) sudo is several processes, each the child of
// the one before; none of them has the groups of the user any more.
func sudoCaller(proc string, sudo int) (int, bool) {
	for range maxAncestors {
		ppid, comm, ok := parent(proc, sudo)
		if !ok || comm != sudoName {
			return ppid, ok
		}
		sudo = ppid
	}
	return 0, false
}

// sudoName is the command name of sudo's processes.
const sudoName = "sudo"

// parent returns the parent of a process and its command name; ok is false if
// there is none.
func parent(proc string, pid int) (ppid int, comm string, ok bool) {
	stat, err := readProc(proc, pid, "stat")
	if err != nil {
		return 0, "", false
	}
	if ppid, ok = parentPID(stat); !ok {
		return 0, "", false
	}
	b, err := readProc(proc, ppid, "comm")
	if err != nil {
		return 0, "", false
	}
	return ppid, strings.TrimSpace(string(b)), true
}

// parentPID reads field 4 of /proc/PID/stat. The command name before it may
// hold blanks and parentheses, so the fields are counted from its last ')'.
func parentPID(stat []byte) (int, bool) {
	s := string(stat)
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return 0, false
	}
	f := strings.Fields(s[i+1:])
	if len(f) < 2 {
		return 0, false
	}
	ppid, err := strconv.Atoi(f[1])
	return ppid, err == nil && ppid > 0
}

// readProc reads one file of a process's directory.
func readProc(proc string, pid int, name string) ([]byte, error) {
	return readSmall(filepath.Join(proc, strconv.Itoa(pid), name))
}

// maxFile bounds what is read of any one file: an environment and a command
// line together are at most 6 MiB on Linux (a quarter of the stack limit's cap).
const maxFile = 8 << 20

// readSmall reads a file of at most maxFile bytes.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAllLimited(f, maxFile)
}
