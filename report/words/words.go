// Package words makes the sentences of a report: for each rule of package
// diagnose what is broken, why, what to type, and how the rule works. Rules
// give ids and arguments only, so that a language is a list of [Sentence] and
// costs no rule.
package words

import (
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// English is the language that is used if another is not known.
const English = "en"

// Sentence is what there is to say about one rule. Summary, Because and Fix
// are templates: {name} stands for the argument of that name.
type Sentence struct {
	Rule string
	// Title names the fault without its particulars.
	Title string
	// Summary is one sentence with the real names and numbers.
	Summary string
	// Because is the deeper cause, as far as the rule knows it.
	Because string
	// Fix lists what to do, commands to type first.
	Fix []string
	// Meaning, Proof and LookAlike explain the rule itself.
	Meaning, Proof, LookAlike string
}

// Sentences returns the sentences of a language, in the order of its files.
func Sentences(lang string) []Sentence {
	switch lang {
	default:
		return english()
	}
}

// Of returns the sentence of one rule, and whether there is one.
func Of(rule, lang string) (Sentence, bool) {
	list := Sentences(lang)
	i := slices.IndexFunc(list, func(s Sentence) bool { return s.Rule == rule })
	if i < 0 {
		return Sentence{Rule: rule}, false
	}
	return list[i], true
}

// Fill writes a finding's Summary, Because and Fix from its Rule and Args.
// What is to be typed depends on the environment, which may be nil.
func Fill(f *trace.Finding, env *trace.Environment, lang string) {
	s, ok := Of(f.Rule, lang)
	if !ok {
		f.Summary = f.Rule
		return
	}
	args := map[string]string{}
	for name, value := range f.Args {
		args[name] = phrase(lang, name, value)
	}
	f.Summary = expand(s.Summary, args)
	f.Because = expand(s.Because, args)
	f.Fix = []string{}
	for i, fix := range s.Fix {
		if lacks(fix, f.Args) && (len(f.Fix) > 0 || i+1 < len(s.Fix)) {
			continue
		}
		f.Fix = append(f.Fix, effective(typed(fix, f.Args, lang), env))
	}
}

// lacks reports whether a fix is about a module, a GOPROXY entry or a resolver on
// this host, and the finding about none.
func lacks(fix string, args map[string]string) bool {
	for _, name := range []string{"entry", "path", "module", "local_resolver"} {
		if value, ok := args[name]; ok && value == "" && strings.Contains(fix, "{"+name+"}") {
			return true
		}
	}
	return false
}

// effective makes commands that set a go variable ones that do: go env -w has
// no effect on what the environment sets, nor with GOENV=off
// ($GOROOT/src/cmd/go/internal/cfg/cfg.go, Getenv).
func effective(fix string, env *trace.Environment) string {
	const set, unset = "go env -w ", "go env -u "
	if env == nil {
		return fix
	}
	if name, comment, _ := strings.Cut(strings.TrimPrefix(fix, unset), " "); strings.HasPrefix(fix, unset) && env.GoEnv[name].Origin == "environment" {
		return strings.TrimRight("unset "+name+" "+comment, " ")
	}
	before, after, ok := strings.Cut(fix, set)
	if !ok {
		return fix
	}
	name, value, _ := strings.Cut(after, "=")
	after = name + "=" + added(name, value, env)
	if env.GoEnv[name].Origin != "environment" && env.GoEnv["GOENV"].Value != "off" {
		return before + set + after
	}
	return before + "export " + after
}

// added puts the patterns that a variable has before the one that is to be set:
// a command that is pasted must not make other modules public.
func added(name, value string, env *trace.Environment) string {
	had := env.GoEnv[name].Value
	pattern, comment, commented := strings.Cut(value, "   #")
	if name != "GOPRIVATE" && name != "GONOSUMDB" || had == "" || strings.Trim(had, safe+"*?[]") != "" || strings.Trim(pattern, safe) != "" {
		return value
	}
	value = "'" + had + "," + pattern + "'"
	if commented {
		value += "   #" + comment
	}
	return value
}

// phrase writes an argument whose value is a code, or may be empty, in words.
func phrase(lang, name, value string) string {
	switch lang {
	default:
		return englishPhrase(name, value)
	}
}

// expand puts arguments in the place of {name}. An argument that is missing is
// left out together with its braces; a test sees to it that none is.
func expand(template string, args map[string]string) string {
	var b strings.Builder
	fillIn(template, func(text string) { b.WriteString(text) }, func(name string) { b.WriteString(args[name]) })
	return b.String()
}

// typed is expand for what is to be typed: arguments can't become commands.
func typed(template string, args map[string]string, lang string) string {
	c := &command{}
	fillIn(template, c.text, func(name string) {
		before, value := option(lang, name, args[name])
		c.text(before)
		c.argument(value)
	})
	return c.b.String()
}

// option splits an argument, as it is typed, in words of our own and the
// argument itself.
func option(lang, name, value string) (before, argument string) {
	whole := phrase(lang, name, value)
	if before, ok := strings.CutSuffix(whole, value); ok {
		return before, value
	}
	return "", whole
}

// fillIn goes through a template: text of its own, and the names in braces.
func fillIn(template string, text, argument func(string)) {
	for {
		before, rest, open := strings.Cut(template, "{")
		text(before)
		name, after, closed := strings.Cut(rest, "}")
		if !open || !closed {
			text(rest)
			return
		}
		argument(name)
		template = after
	}
}

// Placeholders returns the names that the templates of a sentence use.
func (s Sentence) Placeholders() []string {
	var names []string
	for _, t := range append([]string{s.Summary, s.Because}, s.Fix...) {
		for {
			_, rest, open := strings.Cut(t, "{")
			name, after, closed := strings.Cut(rest, "}")
			if !open || !closed {
				break
			}
			names = append(names, name)
			t = after
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
