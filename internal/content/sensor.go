package content

import (
	"fmt"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Trigger is a trigger type: a file below triggers/, or one that a sensor brings.
type Trigger struct {
	Place
	Name             string `json:"name"`             // without the pack
	Sensor           string `json:"sensor,omitempty"` // class name of the sensor that brings it
	PayloadSchema    Value  `json:"payload_schema,omitempty"`
	ParametersSchema Value  `json:"parameters_schema,omitempty"`
}

// Simple tells whether the type takes no parameters. Only then does StackStorm
// make its trigger, so that a rule needs none.
func (t Trigger) Simple() bool {
	switch t.ParametersSchema {
	case "", "{}", "null", "false", "[]", `""`, "0":
		return true
	}
	return false
}

// Sensor is one file below sensors/.
type Sensor struct {
	Place
	ClassName    string   `json:"class_name"`              // what StackStorm knows it by
	EntryPoint   string   `json:"entry_point"`             // relative to sensors/
	PollInterval Value    `json:"poll_interval,omitempty"` // seconds; "" for a sensor that waits by itself
	Enabled      bool     `json:"enabled"`
	TriggerTypes []string `json:"trigger_types,omitempty"` // names, in the order of the file
}

// triggerShape is open, since StackStorm takes out the keys that it wants and
// validates only these.
var triggerShape = shape{open: true, fields: map[string]field{
	"id": {}, "ref": {}, "uid": {}, "pack": {}, "metadata_file": {},
	"name": required(aString), "description": aString, "tags": tags,
	"payload_schema": anObject, "parameters_schema": anObject,
}}

func (d *document) readTrigger(inv *Inventory) {
	d.name = d.text("name")
	d.checkTrigger(d.root, "")
	if d.name != "" {
		inv.Triggers = append(inv.Triggers, d.trigger(d.root, ""))
	}
}

func (d *document) trigger(n *pyyaml.Node, sensor string) Trigger {
	name, _ := n.Get("name").Text()
	return Trigger{
		Place: d.at(n), Name: name, Sensor: sensor,
		PayloadSchema: valueOf(n.Get("payload_schema")), ParametersSchema: valueOf(n.Get("parameters_schema")),
	}
}

// checkTrigger checks the definition of a trigger type; where leads to it.
func (d *document) checkTrigger(n *pyyaml.Node, where string) {
	for _, m := range triggerShape.check(n, where) {
		d.refuse(m.id, m.at, "%s", m.what)
	}
	for _, p := range n.Pairs() {
		if _, known := triggerShape.fields[p.Key.Str()]; !known {
			d.note(p.Key, "%s is not read: a trigger type has no such key", joinKey(where, p.Key.Str()))
		}
	}
}

// minPollInterval is the shortest that StackStorm allows, in seconds.
const minPollInterval = 4

var sensorKeys = map[string]bool{
	"id": true, "ref": true, "uid": true, "class_name": true, "pack": true, "description": true, "artifact_uri": true,
	"entry_point": true, "enabled": true, "trigger_types": true, "poll_interval": true, "metadata_file": true,
}

// readSensor knows that StackStorm does not validate sensors (reference.md 4.3):
// what its database then refuses counts as registered and is not there.
func (d *document) readSensor(inv *Inventory) {
	class := d.root.Get("class_name")
	d.name, _ = class.Text()
	switch {
	case class == nil || class.Kind == pyyaml.Null:
		d.doubt(FindingSensor, d.root, "class_name is missing; StackStorm counts the sensor as registered, but does not store it")
	case d.name == "" && class.Kind != pyyaml.String:
		d.doubt(FindingSensor, class, "class_name has the type %s, not string; StackStorm counts the sensor as registered, but does not store it", class.Kind)
	}
	if !d.root.Get("entry_point").Truthy() {
		d.refuse(FindingKeyMissing, d.root, "entry_point is missing")
	}
	if description := d.root.Get("description"); description != nil && description.Kind != pyyaml.Null && !hasType(description, "string") {
		d.doubt(FindingSensor, description, "description has the type %s, not string; StackStorm counts the sensor as registered, but does not store it", description.Kind)
	}
	for _, p := range d.root.Pairs() {
		if key := p.Key.Str(); !sensorKeys[key] {
			d.note(p.Key, "%s is not read: a sensor has no such key", key)
		}
	}
	d.checkPollInterval()
	names := d.readTriggerTypes(inv)
	if d.name == "" {
		return
	}
	inv.Sensors = append(inv.Sensors, Sensor{
		Place:        d.at(d.root),
		ClassName:    d.name,
		EntryPoint:   d.text("entry_point"),
		PollInterval: valueOf(d.root.Get("poll_interval")),
		Enabled:      d.enabled(true),
		TriggerTypes: names,
	})
}

func (d *document) checkPollInterval() {
	interval := d.root.Get("poll_interval")
	if !interval.Truthy() {
		return
	}
	seconds, isInt := integer(interval)
	if f, isFloat := interval.Value().(float64); isFloat {
		seconds, isInt = int64(f), true
	}
	switch {
	case !hasType(interval, "number") && interval.Kind != pyyaml.Bool:
		d.refuse(FindingKeyType, interval, "poll_interval has the type %s, not number", interval.Kind)
	case isInt && seconds < minPollInterval || interval.Kind == pyyaml.Bool:
		d.refuse(FindingPollInterval, interval, "poll_interval is below %d seconds", minPollInterval)
	}
}

func (d *document) readTriggerTypes(inv *Inventory) (names []string) {
	types := d.root.Get("trigger_types")
	// Python iterates over an empty text or mapping as it does over an empty list.
	empty := types != nil && !types.Truthy() && (types.Kind == pyyaml.String || types.Kind == pyyaml.Mapping)
	if types != nil && types.Kind != pyyaml.List && !empty {
		d.refuse(FindingKeyType, types, "trigger_types has the type %s, not array", types.Kind)
	}
	for i, item := range types.Items() {
		where := fmt.Sprintf("trigger_types[%d]", i)
		if item.Kind != pyyaml.Mapping {
			d.refuse(FindingKeyType, item, "%s has the type %s, not object", where, item.Kind)
			continue
		}
		d.checkTrigger(item, where)
		if trigger := d.trigger(item, d.name); trigger.Name != "" {
			names = append(names, trigger.Name)
			inv.Triggers = append(inv.Triggers, trigger)
		}
	}
	return names
}
