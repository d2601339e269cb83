package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
)

// Reference is one place in a pack that names an action or a trigger type.
type Reference struct {
	From pack.Ref // "" for the declaration
	content.Place
	By   string // what refers: "rule on_push", "task build"
	Kind string // of what is referred to: action or trigger
	To   string // with its pack

	// certain: To stands there as it is. Otherwise it is one of the texts of an
	// expression, which may mean something else.
	certain bool
	// calls: it runs the action, with these parameters and no others.
	calls      bool
	parameters []string
}

// String is PACK/FILE:LINE (what), or FILE:LINE (what) in the declaration.
func (r Reference) String() string {
	at := r.Place.String()
	if r.Line == 0 {
		at = r.File
	}
	if r.From == "" {
		return at + " (" + r.By + ")"
	}
	return string(r.From) + "/" + at + " (" + r.By + ")"
}

// References lists what an inventory refers to, in the order of files and lines.
func References(from pack.Ref, inv *content.Inventory) []Reference {
	c := collector{from: from}
	for _, r := range inv.Rules {
		c.rule(r)
	}
	for _, a := range inv.Aliases {
		c.add(a.Place, "alias "+a.Name, "action", a.Action, append(formatParameters(a), a.ImmutableParameters.Keys()...))
	}
	for _, p := range inv.Policies {
		c.add(p.Place, "policy "+p.Name, "action", p.Resource, nil)
		c.last().calls = false
	}
	for _, w := range inv.Workflows {
		for _, t := range w.Tasks {
			action, inline := splitInline(t.Action)
			c.add(content.Place{File: w.File, Line: t.Line}, "task "+t.Name, "action", action, append(inline, t.Parameters...))
		}
	}
	found := slices.DeleteFunc(c.found, func(r Reference) bool { return r.To == "" })
	slices.SortStableFunc(found, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.By, b.By), cmp.Compare(a.To, b.To))
	})
	return found
}

type collector struct {
	from  pack.Ref
	found []Reference
}

func (c *collector) last() *Reference { return &c.found[len(c.found)-1] }

// add adds what text refers to: a name, or the names in an expression.
func (c *collector) add(at content.Place, by, kind, text string, parameters []string) {
	r := Reference{From: c.from, Place: at, By: by, Kind: kind, To: text, certain: true, calls: kind == "action", parameters: parameters}
	if !strings.ContainsAny(text, "{<") {
		c.found = append(c.found, r)
		return
	}
	literals := quoted().FindAllStringSubmatch(text, -1)
	r.certain = len(literals) == 1 && strings.TrimSpace(alone().ReplaceAllString(text, "$1")) == literals[0][0]
	r.To = ""
	for _, literal := range literals {
		r.To = literal[1]
		c.found = append(c.found, r)
	}
	if len(literals) == 0 {
		c.found = append(c.found, r)
	}
}

var (
	// quoted is a text in an expression that may be the name of an action.
	quoted = lazyregexp.New(`['"]([a-z0-9_]+\.[\w.-]+)['"]`)
	// alone is an expression with nothing around it.
	alone = lazyregexp.New(`^\s*(?:<%|\{\{)(.*)(?:%>|\}\})\s*$`)
	// assigned is how a workflow gives a parameter beside the action's name.
	assigned = lazyregexp.New(`(?:^|\s)(\w+)=`)
	// named is how the words of an alias hold a parameter.
	named = lazyregexp.New(`\{\{\s*(\w+)`)
)

// splitInline separates the name of an action from parameters behind it, as
// orquesta takes them.
func splitInline(text string) (action string, parameters []string) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "<%") || strings.HasPrefix(trimmed, "{{") {
		return text, nil
	}
	action, rest, _ := strings.Cut(trimmed, " ")
	for _, m := range assigned().FindAllStringSubmatch(rest, -1) {
		parameters = append(parameters, m[1])
	}
	return action, parameters
}

func formatParameters(a content.Alias) (names []string) {
	for _, text := range representations(&a) {
		for _, m := range named().FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// actionTrigger is the trigger type of StackStorm itself that fires when any
// action has run; its rules name the action in a criterion.
const actionTrigger = "core.st2.generic.actiontrigger"

func (c *collector) rule(r content.Rule) {
	by := "rule " + r.Name
	c.add(r.Place, by, "trigger", r.Trigger, nil)
	c.add(r.Place, by, "action", r.Action, r.ActionParameters.Keys())
	if r.Trigger != actionTrigger {
		return
	}
	criterion := fields(fields(r.Criteria)["trigger.action_name"])
	pattern := strings.Trim(string(criterion["pattern"]), `"`)
	if kind := string(criterion["type"]); (kind == `"eq"` || kind == `"equals"`) && strings.Contains(pattern, ".") {
		c.add(r.Place, by+", which waits for it", "action", pattern, nil)
		c.last().calls = false
	}
}
