package lab

import (
	"os"
	"os/exec"
	"path/filepath"
)

// goenv is the client's GOENV: off, or its default, the file of
// [Lab.storeSettings].
func (l *Lab) goenv() string {
	if l.setup.Stored == "" {
		return "off"
	}
	return ""
}

// storeSettings writes the client's go/env file.
func (l *Lab) storeSettings() error {
	if l.setup.Stored == "" {
		return nil
	}
	return os.WriteFile(l.path("client", "home", ".config", "go", "env"), []byte(l.setup.Stored), 0o644)
}

// linkGo makes the directory that is the PATH of a client without git.
func (l *Lab) linkGo() error {
	if !l.setup.NoGit {
		return nil
	}
	program, err := exec.LookPath("go")
	if err != nil {
		return err
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return err
	}
	if err := os.Mkdir(l.path("client", "bin"), 0o755); err != nil {
		return err
	}
	return os.Symlink(program, l.path("client", "bin", "go"))
}
