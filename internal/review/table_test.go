package review_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/review"
)

var update = flag.Bool("update", false, "write the expected results into testdata")

// TestTables reads testdata/*.txt. A case is a title, packs with what they
// contain (- before the change, + after it, both times without a mark), and after
// "review" what is to be found. See reader for the words.
func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var rewritten []string
			for _, text := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
				input, want, _ := strings.Cut(text, "\nreview")
				title, body, _ := strings.Cut(input, "\n")
				got := strings.TrimSpace(describe(review.Review(readWorld(t, body))))
				rewritten = append(rewritten, strings.TrimSpace(input+"\nreview\n"+got))
				if want = strings.TrimSpace(want); got != want && !*update {
					t.Errorf("%s\n%s", title, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.Join(rewritten, "\n\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// describe prints what a review found, a line each.
func describe(r review.Result) string {
	var b strings.Builder
	refs := make([]pack.Ref, 0, len(r.Changes))
	for ref := range r.Changes {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	for _, ref := range refs {
		for _, c := range r.Changes[ref] {
			fmt.Fprintf(&b, "%s %s %s", ref, c.Grade, c.ID)
			if c.Resource() != "" {
				fmt.Fprintf(&b, " %s", c.Resource())
			}
			fmt.Fprintf(&b, ": %s\n", c.Message)
			for _, hit := range c.Hits {
				fmt.Fprintf(&b, "  hits %s\n", hit)
			}
		}
	}
	for _, d := range r.Dangling {
		fmt.Fprintf(&b, "dangling %s: %s %s\n", d, d.Kind, d.To)
	}
	for _, d := range r.Builtin {
		fmt.Fprintf(&b, "builtin %s: %s %s\n", d, d.Kind, d.To)
	}
	return b.String()
}

// readWorld reads the packs of a case.
func readWorld(t *testing.T, text string) (w review.World) {
	t.Helper()
	var before, after *content.Inventory
	finish := func() {
		if len(w.Packs) == 0 {
			return
		}
		p := &w.Packs[len(w.Packs)-1]
		p.Before, p.After = before, after
		if before != nil && after != nil && cmp.Equal(before, after) {
			p.After = p.Before
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		mark, rest := " ", strings.TrimSpace(line)
		if strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "+ ") {
			mark, rest = rest[:1], rest[2:]
		}
		switch word, name, _ := strings.Cut(rest, " "); {
		case word == "":
		case word == "declares": // "declares url,!token": the config gives both, and what it gives for token does not fit
			c := &review.Config{At: content.Place{File: "packs.hcl", Line: 9}, Given: map[string]content.Place{}, Refused: map[string]bool{}}
			for i, key := range strings.Split(name, ",") {
				bare := strings.TrimPrefix(key, "!")
				c.Given[bare], c.Refused[bare] = content.Place{File: "packs.hcl", Line: 10 + i}, bare != key
			}
			w.Packs[len(w.Packs)-1].Config = c
		case word == "complete":
			w.Complete = true
		case word == "pack":
			finish()
			w.Packs = append(w.Packs, review.Pack{Ref: pack.Ref(name)})
			before, after = &content.Inventory{}, &content.Inventory{}
			if mark == "+" {
				before = nil
			} else if mark == "-" {
				after = nil
			}
		default:
			if mark != "+" && before != nil {
				readLine(t, before, rest)
			}
			if mark != "-" && after != nil {
				readLine(t, after, rest)
			}
		}
	}
	finish()
	return w
}

// readLine adds what one line says to an inventory.
func readLine(t *testing.T, inv *content.Inventory, line string) {
	t.Helper()
	r := &reader{t: t, line: line, rest: line}
	switch kind := r.word(); kind {
	case "action":
		a := content.Action{Name: r.word(), RunnerType: "python-script", Enabled: !r.flag("disabled")}
		a.Place = place("actions", a.Name)
		a.RunnerType, a.EntryPoint = r.after("runner", "python-script"), r.after("runs", "")
		if r.flag("returns") {
			a.OutputSchema = content.Value(r.word())
		}
		if r.flag("takes") {
			a.Parameters = r.parameters()
		}
		inv.Actions = append(inv.Actions, a)
	case "sensor":
		s := content.Sensor{ClassName: r.word(), EntryPoint: "watch.py", Enabled: !r.flag("disabled")}
		s.Place = place("sensors", s.ClassName)
		s.EntryPoint, s.PollInterval = r.after("runs", "watch.py"), content.Value(r.after("every", ""))
		inv.Sensors = append(inv.Sensors, s)
	case "trigger":
		tr := content.Trigger{Name: r.word()}
		tr.Place = place("triggers", tr.Name)
		tr.PayloadSchema, tr.ParametersSchema = r.properties("payload"), r.properties("parameters")
		inv.Triggers = append(inv.Triggers, tr)
	case "rule":
		rule := content.Rule{Name: r.word(), Enabled: r.flag("enabled")}
		rule.Place = place("rules", rule.Name)
		rule.Trigger, rule.Criteria = r.after("on", ""), content.Value(r.after("if", ""))
		rule.Action, rule.ActionParameters = r.after("runs", ""), r.given("with")
		inv.Rules = append(inv.Rules, rule)
	case "alias":
		a := content.Alias{Name: r.word(), Enabled: !r.flag("disabled")}
		a.Place = place("aliases", a.Name)
		a.Action, a.ImmutableParameters = r.after("runs", ""), r.given("with")
		if r.flag("on") {
			for words := range strings.SplitSeq(r.rest, " or ") {
				a.Formats = append(a.Formats, content.Format{Representations: []string{strings.TrimSpace(words)}})
			}
			r.rest = ""
		}
		inv.Aliases = append(inv.Aliases, a)
	case "policy":
		p := content.Policy{Name: r.word(), Enabled: !r.flag("disabled")}
		p.Place = place("policies", p.Name)
		p.Type, p.Resource, p.Parameters = r.after("is", "action.retry"), r.after("for", ""), r.given("with")
		inv.Policies = append(inv.Policies, p)
	case "workflow":
		w := content.Workflow{File: "actions/workflows/" + r.word() + ".yaml", Runner: "orquesta"}
		for r.flag("input") {
			name, value, _ := strings.Cut(r.word(), "=")
			w.Input = append(w.Input, content.Input{Name: name, Default: content.Value(value)})
		}
		for r.flag("output") {
			w.Output = append(w.Output, r.word())
		}
		if r.flag("task") {
			task := content.Task{Name: r.word(), Line: 7}
			r.flag("calls")
			task.Action, r.rest = r.rest, ""
			if action, with, found := strings.Cut(task.Action, " giving "); found {
				task.Action, task.Parameters = action, strings.Split(with, ",")
			}
			w.Tasks = []content.Task{task}
		}
		inv.Workflows = append(inv.Workflows, w)
	case "config":
		inv.ConfigSchema = &content.ConfigSchema{Attributes: r.parameters()}
	case "requires":
		inv.Requirements, r.rest = append(inv.Requirements, r.rest), ""
	case "code":
		inv.Code = append(inv.Code, content.CodeFile{File: r.word(), Hash: r.word()})
	case "version":
		inv.Meta.Version = r.word()
	case "wants":
		inv.Meta.StackStormVersion, r.rest = r.rest, ""
	case "python":
		inv.Meta.PythonVersions = append(inv.Meta.PythonVersions, r.word())
	case "depends":
		inv.Meta.Dependencies = append(inv.Meta.Dependencies, r.word())
	case "refused":
		inv.Findings = append(inv.Findings, pack.Finding{ID: content.FindingYAML, Resource: "actions/" + r.word(), Message: r.rest, At: []string{"actions/x.yaml:4"}})
		r.rest = ""
	default:
		t.Fatalf("unknown word %q in %q", kind, line)
	}
	if r.rest != "" {
		t.Fatalf("cannot read %q in %q", r.rest, line)
	}
}

func place(dir, name string) content.Place {
	return content.Place{File: dir + "/" + name + ".yaml", Line: 1}
}

// reader takes a line apart, word by word.
type reader struct {
	t          *testing.T
	line, rest string
}

func (r *reader) word() string {
	word, rest, _ := strings.Cut(r.rest, " ")
	r.rest = rest
	return word
}

// flag takes a word if it is the next one.
func (r *reader) flag(name string) bool {
	if r.rest == name || strings.HasPrefix(r.rest, name+" ") {
		r.word()
		return true
	}
	return false
}

// after takes the word that follows another, if that is the next one.
func (r *reader) after(name, absent string) string {
	if r.flag(name) {
		return r.word()
	}
	return absent
}

func (r *reader) properties(name string) content.Value {
	if !r.flag(name) {
		return ""
	}
	var parts []string
	for key := range strings.SplitSeq(r.word(), ",") {
		parts = append(parts, fmt.Sprintf(`%q:{"type":"string"}`, key))
	}
	slices.Sort(parts)
	return content.Value(`{"properties":{` + strings.Join(parts, ",") + `},"type":"object"}`)
}

// given reads the names of parameters: "with repo,branch".
func (r *reader) given(name string) content.Value {
	if !r.flag(name) {
		return ""
	}
	var parts []string
	for key := range strings.SplitSeq(r.word(), ",") {
		key, value, _ := strings.Cut(key, "=")
		parts = append(parts, fmt.Sprintf("%q:%q", key, value))
	}
	slices.Sort(parts)
	return content.Value("{" + strings.Join(parts, ",") + "}")
}

// parameters reads "NAME TYPE flags, NAME …" up to the end of the line.
func (r *reader) parameters() (out []content.Parameter) {
	for text := range strings.SplitSeq(r.rest, ", ") {
		words := strings.Fields(text)
		p := content.Parameter{Name: words[0], Line: 3}
		for _, word := range words[1:] {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "required":
				p.Required = true
			case "immutable":
				p.Immutable = true
			case "secret":
				p.Secret = true
			case "default":
				p.Default = content.Value(value)
			case "position":
				p.Position = content.Value(value)
			case "of":
				for choice := range strings.SplitSeq(value, "|") {
					p.Enum = append(p.Enum, content.Value(choice))
				}
			case "pattern":
				p.Other = content.Value(fmt.Sprintf(`{"pattern":%q}`, value))
			default:
				p.Type = word
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b content.Parameter) int { return strings.Compare(a.Name, b.Name) })
	r.rest = ""
	return out
}
