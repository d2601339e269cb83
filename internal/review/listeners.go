package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// arrivals reports what becomes active when a pack comes: nobody asked for it by
// name.
func (c *comparison) arrivals(after *content.Inventory) {
	for i := range after.Sensors {
		if after.Sensors[i].Enabled {
			c.sensor(nil, &after.Sensors[i])
		}
	}
	for i := range after.Rules {
		if after.Rules[i].Enabled {
			c.rule(nil, &after.Rules[i])
		}
	}
}

func (c *comparison) sensors(before, after []content.Sensor) {
	pairs(before, after, func(s *content.Sensor) string { return s.ClassName }, func(_ string, was, is *content.Sensor) { c.sensor(was, is) })
}

func (c *comparison) sensor(was, is *content.Sensor) {
	if is == nil {
		c.add(Change{ID: SensorRemoved, Grade: pack.Breaking, Kind: "sensor", Name: was.ClassName, Message: "it is gone, and with it what it watched for", At: was.Place, Gone: true})
		return
	}
	add := func(id string, grade pack.Grade, format string, args ...any) {
		c.add(Change{ID: id, Grade: grade, Kind: "sensor", Name: is.ClassName, Message: fmt.Sprintf(format, args...), At: is.Place})
	}
	switch {
	case was == nil && is.Enabled:
		add(SensorEnabled, pack.Caution, "it is new, and runs as soon as it is there")
		return
	case was == nil:
		add(SensorAdded, pack.Safe, "it is new, and disabled")
		return
	case was.Enabled && !is.Enabled:
		add(SensorDisabled, pack.Breaking, "it is disabled: what it watched for is not seen any more")
	case is.Enabled && !was.Enabled:
		add(SensorEnabled, pack.Caution, "it is enabled, and runs as soon as it is there")
	}
	if was.PollInterval != is.PollInterval {
		add(SensorPoll, pack.Caution, "it looks every %s seconds instead of every %s", short(is.PollInterval), short(was.PollInterval))
	}
	if was.EntryPoint != is.EntryPoint {
		add(SensorEntryPoint, pack.Safe, "it runs %s instead of %s", is.EntryPoint, was.EntryPoint)
	}
}

func (c *comparison) triggers(before, after []content.Trigger) {
	pairs(before, after, func(t *content.Trigger) string { return t.Name }, func(name string, was, is *content.Trigger) {
		add := func(id string, grade pack.Grade, format string, args ...any) {
			change := Change{ID: id, Grade: grade, Kind: "trigger", Name: name, Message: fmt.Sprintf(format, args...)}
			if is != nil {
				change.At = is.Place
			} else {
				change.At, change.Gone = was.Place, true
			}
			c.add(change)
		}
		switch {
		case was == nil:
			add(TriggerAdded, pack.Safe, "it is new")
			return
		case is == nil:
			add(TriggerRemoved, pack.Breaking, "it is gone: rules that wait for it cannot be registered")
			return
		}
		if was.ParametersSchema != is.ParametersSchema {
			add(TriggerParameters, pack.Caution, "its parameters change: %s", keywordsText(properties(was.ParametersSchema), properties(is.ParametersSchema)))
		}
		if was.PayloadSchema == is.PayloadSchema {
			return
		}
		before, after := properties(was.PayloadSchema), properties(is.PayloadSchema)
		var gone []string
		for _, key := range before.Keys() {
			if after != "" && !slices.Contains(after.Keys(), key) {
				gone = append(gone, key)
			}
		}
		if len(gone) > 0 {
			add(TriggerPayloadRemoved, pack.Breaking, "its payload has %s no more", strings.Join(gone, ", "))
			return
		}
		if text, only := onlyAdded(before, after); only {
			add(TriggerPayload, pack.Safe, "its payload has %s too", text)
			return
		}
		if _, text := nestedProperties(before, after); text != "" {
			add(TriggerPayload, pack.Caution, "its payload is described in another way: %s", text)
		}
	})
}

// onlyAdded names what stands in a mapping and did not before, if all else stayed.
func onlyAdded(before, after content.Value) (text string, only bool) {
	was, is := fields(before), fields(after)
	var names []string
	for name, value := range is {
		if old, both := was[name]; !both {
			names = append(names, name)
		} else if old != value {
			return "", false
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", "), len(names) > 0 && len(is) == len(was)+len(names)
}

// properties returns what a schema says about the keys of a mapping; older
// schemas say it directly.
func properties(schema content.Value) content.Value {
	if inner, ok := fields(schema)["properties"]; ok {
		return inner
	}
	return schema
}

func (c *comparison) rules(before, after []content.Rule) {
	pairs(before, after, func(r *content.Rule) string { return r.Name }, func(_ string, was, is *content.Rule) { c.rule(was, is) })
}

func (c *comparison) rule(was, is *content.Rule) {
	if is == nil {
		c.add(Change{ID: RuleRemoved, Grade: pack.Breaking, Kind: "rule", Name: was.Name, Message: "it is gone: it ran " + was.Action, At: was.Place, Gone: true})
		return
	}
	add := func(id string, grade pack.Grade, format string, args ...any) {
		c.add(Change{ID: id, Grade: grade, Kind: "rule", Name: is.Name, Message: fmt.Sprintf(format, args...), At: is.Place})
	}
	switch {
	case was == nil && is.Enabled:
		add(RuleEnabled, pack.Caution, "it is new and enabled: it runs %s on %s", is.Action, is.Trigger)
		return
	case was == nil:
		add(RuleAdded, pack.Safe, "it is new, and disabled")
		return
	case was.Enabled && !is.Enabled:
		add(RuleDisabled, pack.Breaking, "it is disabled: it ran %s on %s", was.Action, was.Trigger)
	case is.Enabled && !was.Enabled:
		add(RuleEnabled, pack.Caution, "it is enabled: it runs %s on %s", is.Action, is.Trigger)
	}
	var what []string
	for _, part := range []struct {
		differs bool
		text    string
	}{
		{was.Trigger != is.Trigger, "waits for " + is.Trigger + " instead of " + was.Trigger},
		{was.TriggerParameters != is.TriggerParameters, "gives its trigger other parameters"},
		{was.Criteria != is.Criteria, "has other criteria"},
		{was.Action != is.Action, "runs " + is.Action + " instead of " + was.Action},
		{was.ActionParameters != is.ActionParameters, "gives its action other parameters"},
	} {
		if part.differs {
			what = append(what, part.text)
		}
	}
	if len(what) > 0 {
		add(RuleChanged, pack.Caution, "it %s", strings.Join(what, ", "))
	}
}
