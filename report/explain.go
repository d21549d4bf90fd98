package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/report/words"
)

// Explain writes what one rule means, how it is proved and told apart from
// others, and what to type. It reports whether there is such a rule.
func Explain(w io.Writer, rule, lang string) (bool, error) {
	s, ok := words.Of(rule, lang)
	if !ok {
		return false, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n  %s\n", s.Rule, s.Title, words.General(s.Summary))
	for _, part := range []struct{ head, text string }{
		{"Means", s.Meaning}, {"Because", words.General(s.Because)}, {"Proved by", s.Proof}, {"Told apart", s.LookAlike},
	} {
		if part.text != "" {
			fmt.Fprintf(&b, "\n%s\n  %s\n", part.head, part.text)
		}
	}
	b.WriteString("\nTo type\n")
	for _, fix := range s.Fix {
		fmt.Fprintf(&b, "  %s\n", words.General(fix))
	}
	_, err := io.WriteString(w, b.String())
	return true, err
}

// ListRules writes one line for each rule, by layer.
func ListRules(w io.Writer, lang string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i, layer := range diagnose.Layers() {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		fmt.Fprintf(tw, "%s\n", layer.Name)
		for _, r := range layer.Rules {
			s, _ := words.Of(r.ID, lang)
			fmt.Fprintf(tw, "  %s\t%s\n", r.ID, s.Title)
		}
	}
	return tw.Flush()
}

// catalogueHead begins docs/faults.md.
const catalogueHead = `# The faults that gopx-trace knows

Made by ` + "`go test ./report -run Catalogue -update`" + ` from the sentences of package report/words; the same text as
` + "`gopx-trace explain RULE`" + `. Within a layer, and from layer to layer, the first rule that finds something explains the others.
Words in capitals stand for what a finding names. ` + "`gopx-trace demo --list`" + ` lists the faults that can be watched in the lab.
`

// Catalogue writes docs/faults.md: every rule, by layer, in Markdown.
func Catalogue(w io.Writer, lang string) error {
	var b strings.Builder
	b.WriteString(catalogueHead)
	for _, layer := range diagnose.Layers() {
		fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(layer.Name[:1])+layer.Name[1:])
		for _, r := range layer.Rules {
			s, _ := words.Of(r.ID, lang)
			fmt.Fprintf(&b, "\n### `%s`: %s\n\n> %s\n\n", r.ID, s.Title, words.General(s.Summary))
			fmt.Fprintf(&b, "%s\n\n- Proved by: %s\n", s.Meaning, s.Proof)
			if s.LookAlike != "" {
				fmt.Fprintf(&b, "- Told apart: %s\n", s.LookAlike)
			}
			b.WriteString("\n```sh\n")
			for _, fix := range s.Fix {
				fmt.Fprintln(&b, words.General(fix))
			}
			b.WriteString("```\n")
		}
	}
	b.WriteString(unobserved(lang))
	b.WriteString(additions(lang))
	_, err := io.WriteString(w, b.String())
	return err
}

// unobserved is the part of the catalogue about faults without a rule.
func unobserved(lang string) string {
	list := words.Unobserved(lang)
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n## Known faults without a rule\n\n| fault | why |\n|---|---|\n")
	for _, u := range list {
		fmt.Fprintf(&b, "| `%s` | %s |\n", u.Fault, u.Why)
	}
	return b.String()
}

// additions is the part of the catalogue about rules that are the project's own.
func additions(lang string) string {
	var b strings.Builder
	b.WriteString("\n## Beyond the catalogue\n\nThe other ids are those of the project's catalogue of faults; these rules it does not have.\n\n| rule | why |\n|---|---|\n")
	for _, a := range words.Additions(lang) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", a.Rule, a.Why)
	}
	return b.String()
}
