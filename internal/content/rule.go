package content

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Rule is one file below rules/.
type Rule struct {
	Place
	Name              string `json:"name"` // without the pack
	Enabled           bool   `json:"enabled"`
	Trigger           string `json:"trigger"` // the trigger type, with its pack
	TriggerParameters Value  `json:"trigger_parameters,omitempty"`
	Criteria          Value  `json:"criteria,omitempty"` // by payload key: Criteria.Keys()
	Action            string `json:"action"`             // with its pack
	ActionParameters  Value  `json:"action_parameters,omitempty"`
}

var ruleShape = shape{fields: map[string]field{
	"id": aString, "ref": aString, "uid": aString, "pack": {}, "metadata_file": aString,
	"name": required(aString), "description": aString, "enabled": aBool, "context": anObject, "criteria": anObject, "tags": tags,
	"type": {types: []string{"object"}, shape: &shape{fields: map[string]field{
		"ref": required(aString), "parameters": anObject,
	}}},
	"trigger": {required: true, types: []string{"object"}, shape: &shape{open: true, fields: map[string]field{
		"type": required(aString), "description": aString, "parameters": anObject, "ref": aString,
	}}},
	"action": {required: true, types: []string{"object"}, shape: &shape{fields: map[string]field{
		"ref": required(aString), "description": aString, "parameters": anObject,
	}}},
}}

func (d *document) readRule(inv *Inventory) {
	d.name = d.text("name")
	d.conform(&ruleShape)
	d.checkTimer()
	d.checkCriteria()
	if d.name == "" {
		return
	}
	trigger, action := d.root.Get("trigger"), d.root.Get("action")
	triggerType, _ := trigger.Get("type").Text()
	actionRef, _ := action.Get("ref").Text()
	inv.Rules = append(inv.Rules, Rule{
		Place:             d.at(d.root),
		Name:              d.name,
		Enabled:           d.ruleEnabled(),
		Trigger:           triggerType,
		TriggerParameters: valueOf(trigger.Get("parameters")),
		Criteria:          valueOf(d.root.Get("criteria")),
		Action:            actionRef,
		ActionParameters:  valueOf(action.Get("parameters")),
	})
}

// ruleEnabled knows that a rule is off unless it says otherwise, but that an
// explicit null is on: it becomes the default of the database.
func (d *document) ruleEnabled() bool {
	if node := d.root.Get("enabled"); node != nil && node.Kind == pyyaml.Null {
		return true
	}
	return d.enabled(false)
}

// cronField is a part of a cron expression: a text, or an integer in its range.
func cronField(low, high int) field {
	return field{types: []string{"string", "integer"}, min: low, max: high}
}

// timers are the trigger types whose parameters StackStorm checks at
// registration, whatever its settings.
var timers = map[string]shape{
	"core.st2.IntervalTimer": {fields: map[string]field{
		"timezone": aString, "delta": required(field{types: []string{"integer"}}),
		"unit": required(field{choices: []string{"weeks", "days", "hours", "minutes", "seconds"}}),
	}},
	"core.st2.DateTimer": {fields: map[string]field{"timezone": aString, "date": required(aString)}},
	"core.st2.CronTimer": {fields: map[string]field{
		"timezone": aString, "year": {types: []string{"string", "integer"}}, "month": cronField(1, 12), "day": cronField(1, 31), "week": cronField(1, 53),
		"day_of_week": cronField(0, 6), "hour": cronField(0, 23), "minute": cronField(0, 59), "second": cronField(0, 59),
	}},
	"core.st2.webhook": {fields: map[string]field{"url": required(aString)}},
}

func (d *document) checkTimer() {
	trigger := d.root.Get("trigger")
	triggerType, isText := trigger.Get("type").Text()
	if isText && !strings.Contains(triggerType, ".") {
		d.refuse(FindingTrigger, trigger.Get("type"), "the trigger type %q lacks the pack before its name", triggerType)
	}
	timer, ok := timers[triggerType]
	parameters := trigger.Get("parameters")
	switch {
	case !ok:
		return
	case parameters == nil:
		parameters = &pyyaml.Node{Kind: pyyaml.Mapping, Line: line(trigger)}
	case parameters.Kind == pyyaml.Null:
		d.refuse(FindingTriggerParameters, parameters, "the parameters of the trigger %s have no value", triggerType)
		return
	}
	for _, m := range timer.check(parameters, "") {
		d.refuse(FindingTriggerParameters, m.at, "in the parameters of the trigger %s, %s", triggerType, m.what)
	}
}

// operators are what a criterion may compare with.
var operators = strings.Fields(`matchwildcard matchregex regex iregex eq equals neq nequals ieq iequals
	contains icontains ncontains incontains startswith istartswith endswith iendswith lt lessthan gt greaterthan
	td_lt timediff_lt td_gt timediff_gt exists nexists in inside nin ninside search`)

func (d *document) checkCriteria() {
	criteria := d.root.Get("criteria")
	if criteria != nil && criteria.Kind == pyyaml.Null {
		d.refuse(FindingCriteria, criteria, "criteria has no value; leave the key out, or write {}")
	}
	for _, p := range criteria.Pairs() {
		key, operator := p.Key.Str(), p.Value.Get("type")
		problem := ""
		switch {
		case p.Value.Kind != pyyaml.Mapping:
			problem = fmt.Sprintf("has the type %s, not object", p.Value.Kind)
		case operator == nil || operator.Kind == pyyaml.Null:
			problem = "has no type, which names the comparison"
		case operator.Kind != pyyaml.String || !slices.Contains(operators, operator.Str()):
			problem = fmt.Sprintf("compares with %q, which is not one of %s", operator.Str(), strings.Join(operators, ", "))
		case p.Value.Get("pattern") == nil || p.Value.Get("pattern").Kind == pyyaml.Null:
			problem = "has no pattern, which even exists and nexists need"
		default:
			continue
		}
		d.refuse(FindingCriteria, p.Key, "the criterion %s %s", key, problem)
	}
}
