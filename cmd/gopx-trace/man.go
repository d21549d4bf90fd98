package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan returns the hidden subcommand that packagers call to make the man pages.
func newMan(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "gen-man DIR",
		Short:  "Write the man pages into DIR",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "GOPX-TRACE", Section: "1"}, args[0]); err != nil {
				return fail(fmt.Errorf("cannot write the man pages: %w", err), "name a directory that exists")
			}
			return nil
		},
	}
}
