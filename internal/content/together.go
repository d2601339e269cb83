package content

import (
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// checkTogether finds what one file alone does not show: equal names, and
// references inside the pack that lead nowhere. References to other packs are for
// package review, which knows what else is installed.
func (inv *Inventory) checkTogether() {
	checkTwice(inv, "action", inv.Actions, func(a Action) (string, Place) { return a.Name, a.Place })
	checkTwice(inv, "sensor", inv.Sensors, func(s Sensor) (string, Place) { return s.ClassName, s.Place })
	checkTwice(inv, "rule", inv.Rules, func(r Rule) (string, Place) { return r.Name, r.Place })
	checkTwice(inv, "alias", inv.Aliases, func(a Alias) (string, Place) { return a.Name, a.Place })
	checkTwice(inv, "policy", inv.Policies, func(p Policy) (string, Place) { return p.Name, p.Place })
	inv.checkTriggersTwice()
	inv.checkReferences()
	inv.checkRuleTriggers()
}

func checkTwice[T any](inv *Inventory, noun string, all []T, id func(T) (string, Place)) {
	first := map[string]Place{}
	for _, resource := range all {
		name, at := id(resource)
		if before, twice := first[name]; twice {
			inv.twice(noun, name, before, at)
			continue
		}
		first[name] = at
	}
}

func (inv *Inventory) twice(noun, name string, first, second Place) {
	f := finding(FindingDuplicate, pack.Warning, noun+" "+name, second.File, second.Line,
		"the %s %s stands in %s too: StackStorm registers both under one name, and the last one wins", noun, name, first)
	f.At = append(f.At, first.String())
	inv.Findings = append(inv.Findings, f)
}

// checkTriggersTwice lets several sensors bring the same trigger type.
func (inv *Inventory) checkTriggersTwice() {
	first := map[string]Trigger{}
	for _, t := range inv.Triggers {
		before, twice := first[t.Name]
		if !twice {
			first[t.Name] = t
			continue
		}
		if t.ParametersSchema != before.ParametersSchema || t.PayloadSchema != before.PayloadSchema || t.Sensor == "" {
			inv.twice("trigger", t.Name, before.Place, t.Place)
		}
	}
}

// ownName returns the name of what a reference means in this pack; ok is false
// for another pack's.
func (inv *Inventory) ownName(ref string) (name string, ok bool) {
	name, ok = strings.CutPrefix(ref, string(inv.Meta.Ref)+".")
	return name, ok && inv.Meta.Ref != "" && !isExpression(ref)
}

func (inv *Inventory) checkReferences() {
	actions := map[string]bool{}
	for _, a := range inv.Actions {
		actions[a.Name] = true
	}
	check := func(resource, ref string, at Place) {
		if name, own := inv.ownName(ref); own && !actions[name] {
			inv.Findings = append(inv.Findings, finding(FindingReference, pack.Warning, resource, at.File, at.Line,
				"it refers to the action %s, which the pack does not have; StackStorm registers it, and it fails when it runs", ref))
		}
	}
	for _, w := range inv.Workflows {
		for _, task := range w.Tasks {
			check(fmt.Sprintf("workflow %s task %s", w.File, task.Name), task.Action, Place{w.File, task.Line})
		}
	}
	for _, r := range inv.Rules {
		check("rule "+r.Name, r.Action, r.Place)
	}
	for _, a := range inv.Aliases {
		check("alias "+a.Name, a.Action, a.Place)
	}
	for _, p := range inv.Policies {
		check("policy "+p.Name, p.Resource, p.Place)
	}
}

// checkRuleTriggers finds rules without parameters whose trigger type in this
// pack is missing or wants some: StackStorm then has no trigger for them.
func (inv *Inventory) checkRuleTriggers() {
	simple, known := map[string]bool{}, map[string]bool{}
	for _, t := range inv.Triggers {
		known[t.Name], simple[t.Name] = true, t.Simple()
	}
	for _, r := range inv.Rules {
		name, own := inv.ownName(r.Trigger)
		if !own || simple[name] || r.TriggerParameters != "" && r.TriggerParameters != "{}" && r.TriggerParameters != "null" {
			continue
		}
		problem := "is not in the pack"
		if known[name] {
			problem = "takes parameters, but the rule gives none"
		}
		inv.Findings = append(inv.Findings, finding(FindingTrigger, pack.Warning, "rule "+r.Name, r.File, r.Line,
			"its trigger type %s %s; StackStorm refuses to register the rule", r.Trigger, problem))
	}
}
