//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/gopx-trace/gopx-trace/capture/live"
)

// newDemo returns a command that says why there is no lab on this system.
func newDemo(e *env) *cobra.Command {
	return &cobra.Command{
		Use:                "demo",
		Short:              "Trace go get in a network that is broken on purpose (on Linux)",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := live.Start(cmd.Context(), live.Options{})
			return startFailure(e, err)
		},
	}
}

// faultOf names no fault: there is no lab to show it in.
func faultOf(string) string { return "" }
