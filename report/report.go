// Package report tells a trace: one file for each format, the sentences of the
// findings in words/, and the masking of secrets that every format goes through.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/report/words"
)

// Options say how a report is to look.
type Options struct {
	// Verbose adds every request, connection and process to the text report.
	Verbose bool
	// Color writes ANSI colours into the text report.
	Color bool
	// ShowSecrets switches the masking off (--no-redact).
	ShowSecrets bool
	// Lang is the language of the sentences; empty is English.
	Lang string
	// Recording is the capture file that the run wrote; File the one that the
	// trace was read from. Both may be empty.
	Recording, File string
}

// Format is one way to write a trace.
type Format struct {
	Name  string
	About string
	write func(io.Writer, *trace.Trace, Options) error
}

// Formats lists the formats.
func Formats() []Format {
	return []Format{
		{"text", "for a person: the verdict first, then the chain hop by hop", writeText},
		{"json", "for a program: schema " + trace.Schema, writeJSON},
	}
}

// Write writes the trace in the format of that name. Secrets are masked as ***
// unless o.ShowSecrets is set.
func Write(w io.Writer, name string, t *trace.Trace, o Options) error {
	f, err := Lookup(name)
	if err != nil {
		return err
	}
	told := Tell(t, o.Lang)
	if !o.ShowSecrets {
		redact(told, t)
	}
	return f.write(w, told, o)
}

// Tell returns a copy of the trace with the sentences of its findings and its
// verdict in a language (en).
func Tell(t *trace.Trace, lang string) *trace.Trace {
	t = complete(t)
	for _, f := range t.Findings {
		words.Fill(f, t.Environment, lang)
	}
	words.Verdict(t, lang)
	return t
}

// Lookup returns the format of that name, or an error that lists the names.
func Lookup(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("unknown report format %q (known: %s)", name, strings.Join(names, ", "))
}
