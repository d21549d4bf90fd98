// Package lab is a small network made to be broken: a client's network
// namespace, a servers' network namespace and a cable between them, with a
// resolver, an HTTP, HTTPS or SOCKS5 proxy, two module proxies, the host that
// zips redirect to, a checksum database and a git host, all inside this process.
//
// A [Setup] says what is there and how it misbehaves; [Faults] lists setups
// that each show one fault. Programs that are started with [Lab.Command] see
// nothing but the lab's network, its resolver and its certificate authority.
//
// The namespaces have no name and the servers are goroutines, so that nothing
// but a temporary directory is left when the process is killed. The calls need
// CAP_SYS_ADMIN and CAP_NET_ADMIN (root, or root inside unshare -Urn).
package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Lab is a running lab. Its methods may be called from any goroutine.
type Lab struct {
	setup Setup
	root  string // temporary directory of this lab

	client  *namespace
	servers *namespace

	authority *authority
	catalog   *catalog
	sums      *sumDB
	counts    counts

	ctx    context.Context // done when the lab closes
	cancel context.CancelFunc
	loops  sync.WaitGroup // accept loops, the repository's construction

	mu      sync.Mutex
	closers []func() error

	closeOnce sync.Once
	closeErr  error
}

// Start builds the network of s and starts its servers. All of them accept
// connections when it returns. After an error nothing is left behind.
func Start(s Setup) (*Lab, error) {
	l := &Lab{setup: s}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for _, step := range []func() error{
		l.makeRoot, l.writeNameFiles, l.makeAuthority, l.makeCatalog, l.makeNetwork,
		l.serveNames, l.serveStub, l.serveOrigins, l.serveProxy,
	} {
		if err := step(); err != nil {
			return nil, errors.Join(fmt.Errorf("lab: %w", err), l.Close())
		}
	}
	return l, nil
}

// Close ends the servers, kills what still runs in the client's namespace and
// removes the lab's files and namespaces. Further calls do nothing and return
// the same error.
func (l *Lab) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

// close does the work of Close.
func (l *Lab) close() error {
	l.cancel()
	var errs []error
	for _, n := range []*namespace{l.client, l.servers} {
		if n != nil {
			errs = append(errs, killInside(n))
		}
	}
	l.mu.Lock()
	closers := l.closers
	l.closers = nil
	l.mu.Unlock()
	for _, c := range closers {
		errs = append(errs, c())
	}
	l.loops.Wait()
	for _, n := range []*namespace{l.client, l.servers} {
		if n != nil {
			errs = append(errs, n.close())
		}
	}
	return errors.Join(append(errs, removeTree(l.root))...)
}

// onClose has Close call f.
func (l *Lab) onClose(f func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, f)
}

// Dir makes a fresh module for the client and returns its directory: a
// main module without requirements, for go get.
func (l *Lab) Dir() (string, error) {
	dir, err := os.MkdirTemp(l.path("client"), "module-")
	if err != nil {
		return "", err
	}
	const text = "module example.test/client\n\ngo 1.21\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
		return "", err
	}
	for name, text := range l.setup.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return dir, l.giveToClient(dir)
}

// path names a file in the lab's directory.
func (l *Lab) path(elem ...string) string {
	return filepath.Join(append([]string{l.root}, elem...)...)
}

// makeRoot makes the lab's directory and the client's home in it.
func (l *Lab) makeRoot() error {
	root, err := os.MkdirTemp("", "gopx-lab-")
	if err != nil {
		return err
	}
	l.root = root
	telemetry := l.path("client", "home", ".config", "go", "telemetry")
	if err := errors.Join(os.Chmod(root, 0o755), os.MkdirAll(telemetry, 0o755), os.Mkdir(l.path("client", "tmp"), 0o755)); err != nil {
		return err
	}
	// In a new home the go command starts a telemetry child that outlives it.
	if err := os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off 2026-01-01"), 0o644); err != nil {
		return err
	}
	if err := errors.Join(l.storeSettings(), l.linkGo()); err != nil {
		return err
	}
	return l.giveToClient(l.path("client"))
}

// giveToClient makes the setup's user the owner of a directory tree.
func (l *Lab) giveToClient(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, l.setup.UID, l.setup.GID)
	})
}

// removeTree removes a directory tree; the module cache in it is read-only
// even for its owner.
func removeTree(root string) error {
	if root == "" {
		return nil
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(root))
}
