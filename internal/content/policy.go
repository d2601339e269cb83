package content

import (
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Policy is one file below policies/: how often an action may run, or is tried
// again. Its name is one of all packs' together (reference.md 4.3).
type Policy struct {
	Place
	Name       string `json:"name"`
	Enabled    bool   `json:"enabled"`
	Resource   string `json:"resource"` // the action, with its pack
	Type       string `json:"type"`
	Parameters Value  `json:"parameters,omitempty"`
}

var policyShape = shape{fields: map[string]field{
	"id": aString, "ref": aString, "uid": aString, "pack": {}, "metadata_file": aString,
	"name": required(aString), "description": aString, "enabled": aBool, "parameters": anObject,
	"resource_ref": required(aString), "policy_type": required(aString),
}}

var onThreshold = field{types: []string{"string"}, choices: []string{"delay", "cancel"}}

// policyTypes are those that come with StackStorm, with their parameters.
var policyTypes = map[string]shape{
	"action.concurrency": {fields: map[string]field{
		"threshold": required(field{types: []string{"integer"}}), "action": onThreshold,
	}},
	"action.concurrency.attr": {fields: map[string]field{
		"threshold": required(field{types: []string{"integer"}}), "action": onThreshold,
		"attributes": {types: []string{"array"}, items: &aString},
	}},
	"action.retry": {fields: map[string]field{
		"retry_on":        required(field{types: []string{"string"}, choices: []string{"failure", "timeout"}}),
		"max_retry_count": {types: []string{"integer"}, min: 1, max: 5},
		"delay":           {types: []string{"number"}, min: 0, max: 120},
	}},
}

func (d *document) readPolicy(inv *Inventory) {
	d.name = d.text("name")
	d.conform(&policyShape)
	d.checkPolicy()
	if d.name == "" {
		return
	}
	inv.Policies = append(inv.Policies, Policy{
		Place:      d.at(d.root),
		Name:       d.name,
		Enabled:    d.enabled(true),
		Resource:   d.text("resource_ref"),
		Type:       d.text("policy_type"),
		Parameters: valueOf(d.root.Get("parameters")),
	})
}

func (d *document) checkPolicy() {
	name, isText := d.root.Get("policy_type").Text()
	if !isText {
		return
	}
	policy, known := policyTypes[name]
	if !known {
		types := []string{}
		for t := range policyTypes {
			types = append(types, t)
		}
		slices.Sort(types)
		d.refuse(FindingPolicyType, d.root.Get("policy_type"), "the policy type %q does not come with StackStorm (%s do)", name, strings.Join(types, ", "))
		return
	}
	parameters := d.root.Get("parameters")
	switch {
	case parameters == nil:
		parameters = &pyyaml.Node{Kind: pyyaml.Mapping, Line: line(d.root)}
	case parameters.Kind == pyyaml.Null:
		d.refuse(FindingPolicyParameters, parameters, "parameters has no value")
	}
	for _, m := range policy.check(parameters, "") {
		d.refuse(FindingPolicyParameters, m.at, "in the parameters of %s, %s", name, m.what)
	}
	attributes := parameters.Get("attributes").Items()
	for _, attribute := range attributes {
		if attribute.Str() == "" {
			d.refuse(FindingPolicyParameters, attribute, "in the parameters of %s, attributes holds an empty name", name)
		}
	}
	if hasTwice(attributes) {
		d.refuse(FindingPolicyParameters, parameters.Get("attributes"), "in the parameters of %s, attributes holds a name twice", name)
	}
	for _, p := range parameters.Pairs() {
		if _, known := policy.fields[p.Key.Str()]; known && p.Value.Kind == pyyaml.Null {
			d.refuse(FindingPolicyParameters, p.Value, "in the parameters of %s, %s has no value", name, p.Key.Str())
		}
	}
}
