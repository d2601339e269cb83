package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// owner is whose parameters are compared.
type owner struct {
	kind   string // action or config
	name   string
	file   string // where they stand after the change
	before string // and before
	prefix string // of the ids
	giver  string // who has to give them
	runner string // of an action: it may have parameters of the same names
}

// parameters compares the parameters of an action, or the keys of a config.
func (c *comparison) parameters(o owner, before, after []content.Parameter) {
	pairs(before, after, func(p *content.Parameter) string { return p.Name }, func(name string, was, is *content.Parameter) {
		if content.RunnerHides(o.runner, name) {
			was, is = hidden(was), hidden(is)
		}
		add := func(id string, grade pack.Grade, format string, args ...any) {
			change := Change{ID: o.prefix + id, Grade: grade, Kind: o.kind, Name: o.name, Parameter: name, Message: fmt.Sprintf(format, args...)}
			switch {
			case is != nil:
				change.At = content.Place{File: o.file, Line: is.Line}
			default:
				change.At, change.Gone = content.Place{File: o.before, Line: was.Line}, true
			}
			if o.kind == "config" {
				change.Name, change.Parameter = name, ""
			}
			c.add(change)
		}
		switch {
		case content.RunnerTakes(o.runner, name) && was == nil && is.Immutable:
			add(immutable, pack.Breaking, "%s cannot give it to the runner any more: it is fixed to %s", o.giver, shown(is))
		case content.RunnerTakes(o.runner, name) && was == nil && !needed(is) && is.Default != "":
			add(defaults, pack.Caution, "its default is %s now, instead of the runner's own", shown(is))
		case content.RunnerTakes(o.runner, name) && is == nil && was.Immutable:
			add(defaults, pack.Caution, "it is fixed no more: the runner takes it, with its own default instead of %s", shown(was))
		case content.RunnerTakes(o.runner, name) && is == nil:
			add(defaults, pack.Caution, "the action describes it no more: the runner takes it, with its own default instead of %s", shown(was))
		case was == nil && needed(is):
			add(required, pack.Breaking, "it is new, has no default, and %s must give it", o.giver)
		case was == nil:
			add(added, pack.Safe, "it is new, and need not be given%s", defaultText(is))
		case is == nil && was.Immutable:
			add(removed, pack.Safe, "it is gone; it was fixed, so that nobody gave it")
		case is == nil:
			add(removed, pack.Breaking, "it is gone; %s must not give it any more", o.giver)
		default:
			compareParameter(was, is, o.giver, add)
		}
	})
}

func hidden(p *content.Parameter) *content.Parameter {
	if p == nil {
		return nil
	}
	secret := *p
	secret.Secret = true
	return &secret
}

func needed(p *content.Parameter) bool {
	return p.Required && (p.Default == "" || p.Default == "null")
}

func defaultText(p *content.Parameter) string {
	if p.Default == "" {
		return ""
	}
	return " (default " + shown(p) + ")"
}

// shown is a default fit to be printed.
func shown(p *content.Parameter) string {
	if p.Secret && p.Default != "" {
		return "(hidden)"
	}
	return short(p.Default)
}

func compareParameter(was, is *content.Parameter, giver string, add func(id string, grade pack.Grade, format string, args ...any)) {
	switch {
	case needed(is) && !needed(was):
		add(required, pack.Breaking, "%s must give it now", giver)
	case needed(was) && !needed(is):
		add(optional, pack.Safe, "it need not be given any more%s", defaultText(is))
	case is.Immutable && !was.Immutable: // what it is fixed to is told below
	case was.Default != is.Default && (was.Secret || is.Secret):
		add(defaults, pack.Caution, "its default changes (hidden: it is secret)")
	case was.Default != is.Default && was.Immutable && is.Immutable:
		add(defaults, pack.Caution, "it is fixed to %s instead of %s", shown(is), shown(was))
	case was.Default != is.Default:
		add(defaults, pack.Caution, "its default changes from %s to %s", shown(was), shown(is))
	}
	if was.Type != is.Type {
		if wider(was.Type, is.Type) {
			add(looser, pack.Safe, "it takes more types: %s instead of %s", typeText(is.Type), typeText(was.Type))
		} else {
			add(typed, pack.Breaking, "its type changes from %s to %s", typeText(was.Type), typeText(is.Type))
		}
	}
	compareEnum(was, is, add)
	switch {
	case is.Immutable && !was.Immutable:
		add(immutable, pack.Breaking, "%s cannot give it any more: it is fixed to %s", giver, shown(is))
	case was.Immutable && !is.Immutable:
		add(looser, pack.Safe, "it is fixed no more, and can be given")
	}
	switch {
	case was.Secret && !is.Secret:
		add(secret, pack.Caution, "it is secret no more: its value is shown wherever executions are shown")
	case is.Secret && !was.Secret:
		add(looser, pack.Safe, "it is secret now: its value is hidden")
	}
	if was.Position != is.Position {
		add(position, pack.Caution, "its place among the positional arguments changes from %s to %s", short(was.Position), short(is.Position))
	}
	if was.Other != is.Other {
		if grade, text := nested(was.Other, is.Other); text != "" {
			add(schema, grade, "what it takes is described in another way: %s", text)
		}
	}
}

// compareEnum compares the choices; none means that everything is allowed.
func compareEnum(was, is *content.Parameter, add func(id string, grade pack.Grade, format string, args ...any)) {
	gone, come := without(was.Enum, is.Enum), without(is.Enum, was.Enum)
	switch {
	case len(was.Enum) == 0 && len(is.Enum) == 0:
	case len(is.Enum) == 0:
		add(looser, pack.Safe, "it takes any value now, not only some")
	case len(was.Enum) == 0:
		add(enum, pack.Breaking, "it takes only %s now", valuesText(is.Enum))
	case len(gone) > 0:
		add(enum, pack.Breaking, "it does not take %s any more", valuesText(gone))
	case len(come) > 0:
		add(looser, pack.Safe, "it takes %s too", valuesText(come))
	}
}

func without(all, those []content.Value) (rest []content.Value) {
	for _, v := range all {
		if !slices.Contains(those, v) {
			rest = append(rest, v)
		}
	}
	slices.Sort(rest)
	return slices.Compact(rest)
}

func valuesText(values []content.Value) string {
	const most = 8
	sorted := slices.Sorted(slices.Values(values))
	var parts []string
	for i, v := range sorted {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(sorted)-most))
			break
		}
		parts = append(parts, short(v))
	}
	return strings.Join(parts, ", ")
}

func typeText(t string) string {
	if t == "" {
		return "any type"
	}
	return strings.ReplaceAll(t, "|", " or ")
}

// wider tells whether every value of one type is one of the other. An integer is
// a number.
func wider(was, is string) bool {
	if is == "" {
		return true
	}
	types := strings.Split(is, "|")
	for t := range strings.SplitSeq(was, "|") {
		if !slices.Contains(types, t) && !(t == "integer" && slices.Contains(types, "number")) {
			return false
		}
	}
	return was != ""
}

// keywordsText names the keywords of two schemas that differ.
func keywordsText(was, is content.Value) string {
	before, after := fields(was), fields(is)
	var names []string
	for name, value := range before {
		if after[name] != value {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
