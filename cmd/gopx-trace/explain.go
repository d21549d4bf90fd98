package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/report"
	"github.com/gopx-trace/gopx-trace/report/words"
)

// newExplain returns the subcommand that says what a rule means.
func newExplain(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "explain [RULE]",
		Short:   "Say what a rule means, how it is proved, and what to type",
		Long:    "explain says what the rule of a finding means, how it is proved and told apart from\nothers, and what to type. Without a rule it lists all of them.",
		Example: "  gopx-trace explain\n  gopx-trace explain proxy-407",
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ruleNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, rules []string) error {
			if len(rules) == 0 {
				return wrote(report.ListRules(e.stdout, words.English))
			}
			for i, rule := range rules {
				if i > 0 {
					fmt.Fprintln(e.stdout)
				}
				if err := explain(e, rule); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// explain writes about one rule, and how to watch it in the lab.
func explain(e *env, rule string) error {
	known, err := report.Explain(e.stdout, rule, words.English)
	if !known {
		return fail(fmt.Errorf("there is no rule %q", rule), alike(rule))
	}
	if name := faultOf(rule); name != "" && err == nil {
		_, err = fmt.Fprintf(e.stdout, "\nTo watch\n  sudo gopx-trace demo %s\n", name)
	}
	return wrote(err)
}

// alike is what to type instead of a rule that does not exist.
func alike(rule string) string {
	names := ruleNames()
	i := slices.IndexFunc(names, func(n string) bool {
		return strings.Contains(n, rule) || strings.Contains(rule, strings.SplitN(n, "\t", 2)[0])
	})
	if rule == "" || i < 0 {
		return "gopx-trace explain   # lists the rules"
	}
	name, _, _ := strings.Cut(names[i], "\t")
	return "gopx-trace explain " + name
}

// ruleNames are what explain completes to, each with its title.
func ruleNames() []string {
	var names []string
	for _, r := range diagnose.Rules() {
		s, _ := words.Of(r.ID, words.English)
		names = append(names, r.ID+"\t"+s.Title)
	}
	return names
}

// wrote turns an error of standard output into one of ours.
func wrote(err error) error {
	if err == nil {
		return nil
	}
	return fail(fmt.Errorf("cannot write to standard output: %w", err), "is the disk full, or the reader gone?")
}
