// Package interview asks a person for the config of a pack, key by key, as its
// schema lists them: which questions, what an answer means, and what is wrong with
// it. It judges with the validator that the plan uses.
//
// It is not for the terminal (package cli) or the look of a question (package
// view), and it reads and writes no files: it is told what the config is and says
// what it is to be.
package interview

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
)

// Options says what is asked about.
type Options struct {
	Ref    pack.Ref
	Schema *packconfig.Schema
	// File: the values go into a YAML file, which holds secrets as they are. Else
	// they go into packs.hcl, which must not.
	File bool
	// Variables are those that are declared, by name: whether they are sensitive.
	Variables map[string]bool
}

// Question is what a person is shown before they answer.
type Question struct {
	Path     string   // of the key, dotted
	Step, Of int      // among the keys beside it; 0 for none
	Facts    string   // "text, required"
	About    string   // the description of the schema
	Notes    []string // sentences
	Choices  []string // what can be chosen, with what to type in front
	Now      string   // what the value is; "" if it has none
	Reply    string   // what is to be said to the last answer; "" for the first time
	Enter    string   // what an empty answer does: "keeps it"
	Prompt   string   // in front of the cursor
	Hidden   bool     // what is typed must not be seen
	Edit     string   // the value as it would be typed, to be changed; "" if there is none
}

// Ask shows a question and returns what is typed, of more than one line if that
// was pasted.
type Ask func(Question) (string, error)

// ErrStop says that the person stops without saving.
var ErrStop = errors.New("stopped")

// What else a person may want instead of answering.
var (
	errBack   = errors.New("back to the question before")
	errReview = errors.New("enough questions")
)

// Commands are what can be typed in the place of a value, and what it does. A
// value that begins with a colon is typed with two.
var Commands = [][2]string{
	{":back", "the question before"},
	{":unset", "no value: clears one, or leaves it out"},
	{":empty", "an empty text, or an empty list"},
	{":secret", "the value is a secret, whatever the schema says"},
	{":review", "no more questions: see what changes"},
	{":quit", "stop; nothing is written (^C and ^D too)"},
	{":help", "this"},
}

// Run asks for each key. It returns the config as it is to be, a changed copy of
// before, and the variables that have to be declared for it. The error is ErrStop,
// or one of ask.
func Run(o Options, before *config.Setting, ask Ask) (*config.Setting, []config.NewVariable, error) {
	t := &talk{Options: o, ask: ask, root: before.Clone()}
	err := t.object(t.top(), o.Schema.Attributes(), true)
	if err != nil && !errors.Is(err, errReview) {
		return nil, nil, err
	}
	return t.root, t.needed(), nil
}

// talk is one interview.
type talk struct {
	Options
	ask  Ask
	root *config.Setting
	vars []config.NewVariable
}

// needed lists the new variables that something still refers to.
func (t *talk) needed() (vars []config.NewVariable) {
	for _, v := range t.vars {
		if refersTo(t.root, "var."+v.Name) {
			vars = append(vars, v)
		}
	}
	return vars
}

func refersTo(s *config.Setting, text string) bool {
	return s.Kind == config.Expression && s.Text == text ||
		slices.ContainsFunc(s.Items, func(item *config.Setting) bool { return refersTo(item, text) }) ||
		slices.ContainsFunc(s.Members, func(m config.Member) bool { return refersTo(m.Setting, text) })
}

// slot is a place for a value.
type slot struct {
	path []string
	get  func() *config.Setting
	set  func(*config.Setting) // nil takes the value out
}

func (t *talk) top() slot {
	return slot{nil, func() *config.Setting { return t.root }, func(s *config.Setting) { t.root = s }}
}

// member is the place of a key of an object, which is made when it gets one.
func member(of slot, name string) slot {
	return slot{
		path: append(slices.Clone(of.path), name),
		get:  func() *config.Setting { return of.get().Member(name) },
		set: func(to *config.Setting) {
			object := of.get()
			switch {
			case object != nil && object.Kind == config.Object:
				object.SetMember(name, to)
			case to != nil:
				of.set(&config.Setting{Kind: config.Object, Members: []config.Member{{Name: name, Setting: to}}})
			}
		},
	}
}

// item is the place of an element of a list.
func item(of slot, i int) slot {
	return slot{
		path: append(slices.Clone(of.path), fmt.Sprint(i)),
		get: func() *config.Setting {
			if list := of.get(); list != nil && i < len(list.Items) {
				return list.Items[i]
			}
			return nil
		},
		set: func(to *config.Setting) {
			list := of.get()
			switch {
			case to == nil && i < len(list.Items):
				list.Items = slices.Delete(list.Items, i, i+1)
			case to == nil:
			case i < len(list.Items):
				list.SetItem(i, to)
			default:
				list.Items = append(list.Items, to)
			}
		},
	}
}

// object asks for the keys of an object, in the order of the schema.
func (t *talk) object(s slot, attributes []packconfig.Attribute, top bool) error {
	reply := ""
	for i := 0; i < len(attributes); {
		q := Question{Step: i + 1, Of: len(attributes), Reply: reply}
		reply = ""
		if i == 0 {
			q.Notes = t.unknownKeys(s.get(), attributes)
		}
		err := t.attribute(member(s, attributes[i].Name), attributes[i], q)
		switch {
		case errors.Is(err, errBack) && i > 0:
			i--
		case errors.Is(err, errBack) && top:
			reply = "This is the first question."
		case err != nil:
			return err
		default:
			i++
		}
	}
	return nil
}

// unknownKeys names the keys that are there although the schema does not know
// them.
func (t *talk) unknownKeys(s *config.Setting, attributes []packconfig.Attribute) []string {
	var names []string
	if s != nil {
		for _, m := range s.Members {
			if !slices.ContainsFunc(attributes, func(a packconfig.Attribute) bool { return a.Name == m.Name }) {
				names = append(names, m.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"The schema of the pack does not know these keys; they are kept as they are: " + strings.Join(names, ", ") + "."}
}

// attribute asks for one key, in the way that suits its type.
func (t *talk) attribute(s slot, a packconfig.Attribute, q Question) error {
	q.Path = packconfig.Path(s.path...)
	q.About = strings.TrimSpace(a.Description)
	q.Facts = facts(a)
	secret := a.Secret || t.Schema.IsSecret(s.path...)
	if secret && !strings.Contains(q.Facts, "secret") {
		q.Facts += ", secret"
	}
	q.Notes = append(slices.Clone(q.Notes), defaultNote(a, secret)...)
	switch {
	case secret && t.File:
		return t.hidden(s, a, q)
	case secret:
		return t.secret(s, a, q)
	case isExpression(s.get()) && (a.Type == "array" || a.Type == "object"):
		return t.opaque(s, a, q)
	case len(a.Enum) > 0 || a.Type == "boolean":
		return t.choice(s, a, q)
	case a.Type == "array":
		return t.list(s, a, q)
	case a.Type == "object" && len(a.Properties) == 0:
		return t.named(s, a, q)
	case a.Type == "object":
		return t.nested(s, a, q)
	}
	return t.scalar(s, a, q)
}

func isExpression(s *config.Setting) bool { return s != nil && s.Kind == config.Expression }

// typeWords name the types of JSON Schema for people: one, and several.
var typeWords = map[string][2]string{
	"string": {"text", "texts"}, "integer": {"whole number", "whole numbers"}, "number": {"number", "numbers"},
	"boolean": {"true or false", "flags"}, "object": {"object", "objects"}, "array": {"list", "lists"}, "": {"any value, as in YAML", "any values, as in YAML"},
}

func facts(a packconfig.Attribute) string {
	text := a.Type
	if words, known := typeWords[a.Type]; known {
		text = words[0]
	}
	if a.Type == "array" && a.Items != nil {
		if words, known := typeWords[a.Items.Type]; known {
			text += " of " + words[1]
		}
	}
	if len(a.Enum) > 0 {
		text = "one of " + fmt.Sprint(len(a.Enum))
	}
	if a.Required {
		text += ", required"
	}
	if a.Secret {
		text += ", secret"
	}
	return text
}

func defaultNote(a packconfig.Attribute, secret bool) []string {
	switch {
	case !a.HasDefault || a.Default == nil:
		return nil
	case secret:
		return []string{"While it has no value StackStorm takes the default of the pack, which is not shown."}
	}
	return []string{"While it has no value StackStorm takes the default: " + valueText(a.Default) + "."}
}

// problems returns what stands against the values at and below a path, as far as
// they are known.
func (t *talk) problems(path []string) (found []packconfig.Problem) {
	at := packconfig.Path(path...)
	for _, p := range Judge(t.Schema, t.root, t.File) {
		if p.Severity == pack.Blocked && (p.Path == at || below(p.Path, at)) {
			found = append(found, p)
		}
	}
	return found
}

func below(path, of string) bool { return of == "" || strings.HasPrefix(path, of+".") }

// Judge holds a config against the schema, with nothing said about values that
// are not known.
func Judge(schema *packconfig.Schema, s *config.Setting, file bool) (problems []packconfig.Problem) {
	value, unknown := s.Plain()
	values, _ := value.(map[string]any)
	all := schema.ValidateDeclared(values)
	if file {
		all = schema.Validate(values)
	}
	for _, p := range all {
		hidden := slices.ContainsFunc(unknown, func(path []string) bool {
			at := packconfig.Path(path...)
			return p.Path == at || below(p.Path, at)
		})
		if !hidden {
			problems = append(problems, p)
		}
	}
	return problems
}

// try puts a value in its place, and takes it out again if that is wrong; then it
// says why.
func (t *talk) try(s slot, to *config.Setting) (reason string) {
	old := s.get()
	s.set(to)
	found := t.problems(s.path)
	if len(found) == 0 {
		return ""
	}
	s.set(old)
	return "That does not do: " + found[0].Message + "."
}
