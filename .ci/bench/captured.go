//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// answered is what a report should say of an answer.
type answered struct {
	URL    string `json:"url"`
	Bytes  int    `json:"response_bytes"`
	SHA256 string `json:"response_sha256"`
}

// captured is a capture file, its key log and what is in it.
type captured struct {
	file, keys string
	size       int64
	answers    map[answered]bool
}

// newCapture makes a capture. Each dialect is spoken by a process of its own,
// whose packets make a section of the file: crypto/tls looks once, at its start,
// at what the processor can do.
func newCapture(ctx context.Context, self, file string, c conversations) (*captured, error) {
	made := &captured{file: file, keys: file + ".keys", answers: map[answered]bool{}}
	for i, d := range dialects() {
		cmd := exec.CommandContext(ctx, self, roleTalk, "-file", made.file, "-keys", made.keys, "-dialect", strconv.Itoa(i),
			"-connections", strconv.Itoa(c.connections), "-small", strconv.Itoa(c.small), "-longest", strconv.Itoa(c.longest))
		if cmd.Env = os.Environ(); d.withoutAES {
			cmd.Env = append(cmd.Env, "GODEBUG=cpu.aes=off")
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err == nil {
			err = made.expect(string(out))
		}
		if err != nil {
			return made, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	var err error
	made.size, err = size(file)
	return made, err
}

// expect takes the lines that a process of [talk] printed.
func (c *captured) expect(lines string) error {
	for line := range strings.Lines(lines) {
		var a answered
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return err
		}
		c.answers[a] = true
	}
	return nil
}

// check compares a JSON report with what is in the capture: every answer, with
// its length and digest, once.
func (c *captured) check(report []byte) error {
	var r struct{ Requests []answered }
	if err := json.Unmarshal(report, &r); err != nil {
		return fmt.Errorf("JSON report: %w", err)
	}
	found := map[answered]bool{}
	for _, a := range r.Requests {
		if !c.answers[a] {
			return fmt.Errorf("%+v is not in the capture", a)
		}
		found[a] = true
	}
	if len(found) < len(c.answers) || len(r.Requests) != len(found) {
		return fmt.Errorf("%d requests, %d of the %d answers of the capture", len(r.Requests), len(found), len(c.answers))
	}
	return nil
}

// remove deletes the capture.
func (c *captured) remove() error { return errors.Join(os.Remove(c.file), os.Remove(c.keys)) }
