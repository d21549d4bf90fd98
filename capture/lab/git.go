package lab

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// repositories is the directory of the git host's bare repositories, once
// they are made, and the git program that serves them.
type repositories struct {
	dir     string
	backend string // path of git-http-backend
}

// buildRepositories makes the repositories while the rest of the lab starts.
// The result waits for them. A machine without git has a lab with a git host
// that answers 500.
func (l *Lab) buildRepositories() func() (*repositories, error) {
	once := sync.OnceValues(func() (*repositories, error) {
		return newRepositories(l.path("git"), l.catalog)
	})
	l.loops.Go(func() { once() })
	return once
}

// newRepositories makes the repository of [GitModule] in dir.
func newRepositories(dir string, c *catalog) (*repositories, error) {
	out, err := runGit(dir, nil, "--exec-path")
	if err != nil {
		return nil, err
	}
	bare := filepath.Join(dir, "lib.git")
	if _, err := runGit(dir, nil, "init", "--quiet", "--bare", "--initial-branch=main", bare); err != nil {
		return nil, err
	}
	var history bytes.Buffer
	for _, version := range c.versions(gitRepository) {
		writeCommit(&history, c.find(gitRepository, version))
	}
	if _, err := runGit(bare, &history, "fast-import", "--quiet"); err != nil {
		return nil, err
	}
	return &repositories{dir: dir, backend: filepath.Join(strings.TrimSpace(out), "git-http-backend")}, nil
}

// writeCommit writes a release as a commit and a tag, in the format of
// git-fast-import(1).
func writeCommit(w *bytes.Buffer, r *release) {
	const author = "gopx-trace lab <lab@git.test>"
	when := fmt.Sprintf("%d +0000", released().Unix())
	fmt.Fprintf(w, "commit refs/heads/main\ncommitter %s %s\ndata <<END\n%s\nEND\n", author, when, r.Version.Version)
	for _, f := range r.files {
		fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n%s\n", f.name, len(f.text), f.text)
	}
	fmt.Fprintf(w, "\nreset refs/tags/%s\nfrom refs/heads/main\n\n", r.Version.Version)
}

// runGit runs git in dir, made if needed, without the caller's configuration.
func runGit(dir string, stdin *bytes.Buffer, args ...string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
	if stdin != nil {
		cmd.Stdin = stdin
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// gitHost answers the discovery of modules (https://go.dev/ref/mod#vcs-find)
// and serves git over HTTP (gitprotocol-http(5)) by git http-backend.
type gitHost struct {
	repositories func() (*repositories, error)
}

// ServeHTTP implements [http.Handler].
func (h *gitHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("go-get") == "1" {
		serveDiscovery(w, r)
		return
	}
	repos, err := h.repositories()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	backend := cgi.Handler{
		Path: repos.backend,
		Dir:  repos.dir,
		Env:  []string{"GIT_PROJECT_ROOT=" + repos.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + repos.dir},
	}
	backend.ServeHTTP(w, r)
}

// serveDiscovery answers ?go-get=1: the lab's repository has a go-import meta
// tag, every other path none.
func serveDiscovery(w http.ResponseWriter, r *http.Request) {
	path := GitHost + strings.TrimSuffix(r.URL.Path, "/")
	if path != gitRepository && !strings.HasPrefix(path, gitRepository+"/") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!DOCTYPE html>\n<meta name=\"go-import\" content=\"%[1]s git https://%[1]s.git\">\n", gitRepository)
}
