// Package review says what an upgrade really changes and whom it breaks: it
// compares what packs contain before and after, grades every difference, and
// finds the rules, workflows, aliases and policies that refer to what goes. It is
// pure: the same inventories in, the same changes out.
//
// It is not for reading packs (package content), and not for deciding whether a
// change may be applied (package plan).
package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// Change is one difference between two inventories of a pack.
type Change struct {
	ID    string     // stable; docs/findings.md explains each
	Grade pack.Grade // "" for what is not judged

	Kind      string // what it is about: action, sensor, trigger, rule, alias, policy, workflow, config; "" for the pack
	Name      string // of that, before the change if it had another
	Parameter string // of an action, or input or output of a workflow; "" for the whole

	Message string // a sentence without its end, about the resource
	At      content.Place
	Gone    bool        // At is a place in the pack before the change
	Hits    []Reference // who uses what changes; set by Review
}

// Resource names what the change is about, for people.
func (c Change) Resource() string {
	text := strings.TrimSpace(c.Kind + " " + c.Name)
	if c.Parameter != "" {
		noun := "parameter"
		switch {
		case c.Kind == "workflow" && strings.Contains(c.ID, "OUTPUT"):
			noun = "output"
		case c.Kind == "workflow":
			noun = "input"
		}
		text += ", " + noun + " " + c.Parameter
	}
	return text
}

// Finding is the change as plans carry it.
func (c Change) Finding() pack.Finding {
	f := pack.Finding{ID: c.ID, Severity: pack.Warning, Grade: c.Grade, Resource: c.Resource(), Message: c.Message}
	if c.Grade == pack.Safe || c.Grade == "" {
		f.Severity = pack.Note
	}
	if c.At.File != "" {
		at := c.At.String()
		if c.At.Line == 0 {
			at = c.At.File
		}
		if c.Gone {
			at += " (before)"
		}
		f.At = []string{at}
	}
	for _, hit := range c.Hits {
		f.Hits = append(f.Hits, hit.String())
	}
	f.Hits = slices.Compact(f.Hits) // a rule may use both a trigger and an action of a pack
	return f
}

// Compare says what differs between a pack before and after a change: the most
// harmful first, then by resource. Nil is a pack that is not there; of a whole
// pack that comes or goes only what nobody would expect is listed by itself.
func Compare(before, after *content.Inventory) []Change {
	var c comparison
	switch {
	case before == nil && after == nil:
	case after == nil:
		c.add(Change{ID: PackRemoved, Grade: pack.Caution, Message: "the pack goes, with " + InventoryText(before)})
	case before == nil:
		c.add(Change{ID: PackAdded, Grade: pack.Safe, Message: "the pack comes, with " + InventoryText(after)})
		c.arrivals(after)
		c.refusals(nil, after)
	default:
		c.pack(before, after)
	}
	c.sort()
	return c.changes
}

// comparison collects changes.
type comparison struct{ changes []Change }

func (c *comparison) add(change Change) { c.changes = append(c.changes, change) }

func (c *comparison) sort() {
	rank := map[pack.Grade]int{pack.Breaking: 0, pack.Caution: 1, pack.Safe: 2, "": 3}
	slices.SortFunc(c.changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(rank[a.Grade], rank[b.Grade]), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Parameter, b.Parameter), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Message, b.Message), cmp.Compare(a.At.String(), b.At.String()),
		)
	})
}

func (c *comparison) pack(before, after *content.Inventory) {
	c.actions(before.Actions, after.Actions)
	c.sensors(before.Sensors, after.Sensors)
	c.triggers(before.Triggers, after.Triggers)
	c.rules(before.Rules, after.Rules)
	c.aliases(before.Aliases, after.Aliases)
	c.policies(before.Policies, after.Policies)
	c.workflows(before.Workflows, after.Workflows, after.Actions)
	c.config(before.ConfigSchema, after.ConfigSchema)
	c.meta(before.Meta, after.Meta)
	c.requirements(before.Requirements, after.Requirements)
	c.code(before, after)
	c.refusals(before, after)
	if len(c.changes) > 0 && before.Meta.Version != "" && before.Meta.Version == after.Meta.Version {
		c.add(Change{ID: VersionSame, Grade: pack.Safe, Message: fmt.Sprintf("the content changes, and its version stays %s", after.Meta.Version)})
	}
}

// refusals reports what StackStorm would refuse after the change and did not
// refuse before, and what fails from now on when it runs. Lines move and do not
// count.
func (c *comparison) refusals(before, after *content.Inventory) {
	type key struct{ id, resource, message string }
	known := map[key]bool{}
	var was []pack.Finding
	if before != nil {
		was = before.Findings
	}
	for _, f := range was {
		known[key{f.ID, f.Resource, f.Message}] = true
	}
	report := func(f pack.Finding, grade pack.Grade) {
		if known[key{f.ID, f.Resource, f.Message}] {
			return
		}
		known[key{f.ID, f.Resource, f.Message}] = true
		change := Change{ID: f.ID, Grade: grade, Message: f.Message}
		change.Kind, change.Name, _ = strings.Cut(f.Resource, " ")
		if len(f.At) > 0 {
			change.At = placeOf(f.At[0])
		}
		c.add(change)
	}
	for _, f := range content.Refused(after.Findings) {
		report(f, pack.Breaking)
	}
	for _, f := range after.Findings {
		switch f.ID {
		case content.FindingEntryPoint, content.FindingWorkflow, content.FindingSensor:
			grade := pack.Caution
			if worked(before, f.Resource) {
				grade = pack.Breaking
			}
			report(f, grade)
		}
	}
}

// worked tells whether an action, sensor or workflow was there before: what comes
// broken worked for nobody.
func worked(before *content.Inventory, resource string) bool {
	if before == nil {
		return false
	}
	kind, name, _ := strings.Cut(resource, " ")
	switch kind {
	case "action":
		return slices.ContainsFunc(before.Actions, func(a content.Action) bool { return a.Name == name })
	case "sensor":
		return slices.ContainsFunc(before.Sensors, func(s content.Sensor) bool { return s.ClassName == name })
	}
	return slices.ContainsFunc(before.Workflows, func(w content.Workflow) bool { return w.File == resource })
}

func placeOf(at string) content.Place {
	file, line, found := strings.Cut(at, ":")
	p := content.Place{File: file}
	if !found {
		return p
	}
	for _, r := range line {
		if r < '0' || r > '9' {
			return content.Place{File: at}
		}
		p.Line = p.Line*10 + int(r-'0')
	}
	return p
}

// InventoryText counts what a pack contains.
func InventoryText(inv *content.Inventory) string {
	var parts []string
	for _, of := range []struct {
		n         int
		one, many string
	}{
		{len(inv.Actions), "action", "actions"}, {len(inv.Sensors), "sensor", "sensors"}, {len(inv.Triggers), "trigger type", "trigger types"},
		{len(inv.Rules), "rule", "rules"}, {len(inv.Aliases), "alias", "aliases"}, {len(inv.Policies), "policy", "policies"},
	} {
		if of.n > 0 {
			parts = append(parts, count(of.n, of.one, of.many))
		}
	}
	if len(parts) == 0 {
		return "nothing in it"
	}
	return strings.Join(parts, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// pairs calls each with what has the same name before and after, in the order of
// the names; one that is only on one side comes with nil. Of equal names on one
// side the last counts, as it is what StackStorm registers.
func pairs[T any](before, after []T, name func(*T) string, each func(name string, before, after *T)) {
	type pair struct{ before, after *T }
	all := make(map[string]*pair, len(before))
	for i := range before {
		all[name(&before[i])] = &pair{before: &before[i]}
	}
	for i := range after {
		key := name(&after[i])
		if all[key] == nil {
			all[key] = &pair{}
		}
		all[key].after = &after[i]
	}
	names := make([]string, 0, len(all))
	for key := range all {
		names = append(names, key)
	}
	slices.Sort(names)
	for _, key := range names {
		each(key, all[key].before, all[key].after)
	}
}

// short cuts a value to what fits a line.
func short(v content.Value) string {
	const most = 60
	text := []rune(string(v))
	switch {
	case len(text) == 0:
		return "none"
	case len(text) > most:
		return string(text[:most]) + "…"
	}
	return string(text)
}
