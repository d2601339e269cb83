package st2test

import (
	"crypto/md5"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// doc is a document as StackStorm's API shows it.
type doc map[string]any

func (d doc) text(key string) string {
	text, _ := d[key].(string)
	return text
}

// store is StackStorm's database: documents by collection, in the order of their
// ids, as far as the API shows them.
type store struct {
	nextID     int
	rows       map[string][]doc  // by collection of the API
	executions []*execution      // oldest first
	names      map[string]string // refs by id, also of what is gone
}

// id makes an identifier of MongoDB's form.
func (st *store) id() string {
	st.nextID++
	return fmt.Sprintf("6b04%020x", st.nextID)
}

// seed registers what comes with StackStorm, as far as packsync may meet it.
func (st *store) seed() {
	st.rows = map[string][]doc{}
	for _, ref := range []string{"chatops", "core", "default", "linux", "packs"} {
		st.put("packs", ref, doc{
			"uid": "pack:" + ref, "ref": ref, "name": ref, "description": ref, "keywords": []any{}, "version": "1.0.0",
			"python_versions": []any{"3"}, "author": "StackStorm, Inc.", "email": "info@stackstorm.com", "contributors": []any{},
			"files": []any{"pack.yaml"}, "path": "/opt/stackstorm/packs/" + ref, "dependencies": []any{}, "system": doc{},
		})
	}
	st.put("actions", "core.local", action("core", "local", "actions/local.yaml", doc{"runner_type": "local-shell-cmd"}))
	st.put("actions", "packs.uninstall", action("packs", "uninstall", "actions/uninstall.meta.yaml", doc{"runner_type": "orquesta"}))
	st.put("actions", "packs.unload", action("packs", "unload", "actions/unload.yaml", doc{"runner_type": "python-script"}))
	st.put("triggertypes", "core.st2.webhook", triggerType("core", "st2.webhook", "", doc{"parameters_schema": doc{"type": "object"}}))
	st.put("triggertypes", "core.st2.IntervalTimer", triggerType("core", "st2.IntervalTimer", "", doc{"parameters_schema": doc{"type": "object"}}))
}

// put writes a document under its ref and keeps the id of the one it replaces.
func (st *store) put(collection, ref string, d doc) {
	for i, old := range st.rows[collection] {
		if old.text("ref") == ref {
			d["id"] = old["id"]
			st.rows[collection][i] = d
			return
		}
	}
	d["id"] = st.id()
	st.rows[collection] = append(st.rows[collection], d)
	if st.names == nil {
		st.names = map[string]string{}
	}
	st.names[d.text("id")] = ref
}

// putNamed is put for aliases and policies, whose name alone is their identity:
// a second pack takes the first one's (reference.md 4.3).
func (st *store) putNamed(collection string, d doc) {
	for i, old := range st.rows[collection] {
		if old.text("name") == d.text("name") {
			d["id"] = old["id"]
			st.rows[collection][i] = d
			return
		}
	}
	st.put(collection, d.text("ref"), d)
}

// find returns the document with an id or ref.
func (st *store) find(collection, id string) doc {
	for _, key := range []string{"id", "ref"} {
		for _, d := range st.rows[collection] {
			if d.text(key) == id {
				return d
			}
		}
	}
	return nil
}

func (st *store) remove(collection string, gone func(doc) bool) {
	st.rows[collection] = slices.DeleteFunc(st.rows[collection], gone)
}

// dropPack removes everything of a pack, as the action packs.unload does.
func (st *store) dropPack(ref string) {
	for collection := range st.rows {
		st.remove(collection, func(d doc) bool {
			return d.text("pack") == ref || collection == "packs" && d.text("ref") == ref
		})
	}
}

// dropTriggerType removes a trigger type and, if it has no parameters, its
// trigger object: rules that use it are broken from then on.
func (st *store) dropTriggerType(d doc) {
	ref := d.text("ref")
	st.remove("triggertypes", func(t doc) bool { return t.text("ref") == ref })
	if schema, _ := d["parameters_schema"].(doc); len(schema) == 0 {
		st.remove("triggers", func(t doc) bool { return t.text("ref") == ref })
	}
}

// dropRule removes a rule, and its trigger object if that has parameters.
func (st *store) dropRule(d doc) {
	st.remove("rules", func(r doc) bool { return r.text("id") == d.text("id") })
	trigger, _ := d["trigger"].(doc)
	if parameters, _ := trigger["parameters"].(doc); len(parameters) > 0 {
		st.remove("triggers", func(t doc) bool { return t.text("ref") == trigger.text("ref") })
	}
}

// show returns a document as the API gives it: a rule whose trigger object is
// gone has its name in place of the object.
func (st *store) show(collection string, d doc) doc {
	trigger, isRule := d["trigger"].(doc)
	if collection != "rules" || !isRule || st.find("triggers", trigger.text("ref")) != nil {
		return d
	}
	broken := maps.Clone(d)
	broken["trigger"] = trigger.text("ref")
	return broken
}

// The kinds of content. Each takes what its file says and adds what StackStorm
// adds.

func action(pack, name, file string, says doc) doc {
	return common("action", pack, name, file, doc{
		"tags": []any{}, "description": says.text("description"), "enabled": enabled(says, true), "entry_point": says.text("entry_point"),
		"runner_type": says.text("runner_type"), "parameters": mapping(says["parameters"]), "output_schema": doc{}, "notify": doc{},
	})
}

func rule(pack, name, file string, says doc, trigger doc) doc {
	return common("rule", pack, name, file, doc{
		"tags": []any{}, "description": says.text("description"), "enabled": enabled(says, false), "type": doc{"ref": "standard", "parameters": doc{}},
		"trigger": trigger, "criteria": mapping(says["criteria"]), "action": mapping(says["action"]), "context": doc{},
	})
}

func alias(pack, name, file string, says doc) doc {
	return common("action_alias", pack, name, file, doc{
		"description": says.text("description"), "enabled": enabled(says, true), "action_ref": says.text("action_ref"), "formats": says["formats"],
		"ack": doc{}, "result": doc{}, "extra": doc{}, "immutable_parameters": doc{},
	})
}

func policy(pack, name, file string, says doc) doc {
	return common("policy", pack, name, file, doc{
		"description": says.text("description"), "enabled": enabled(says, true), "resource_ref": says.text("resource_ref"),
		"policy_type": says.text("policy_type"), "parameters": mapping(says["parameters"]),
	})
}

func triggerType(pack, name, file string, says doc) doc {
	return common("trigger_type", pack, name, file, doc{
		"description": says.text("description"), "tags": []any{}, "payload_schema": mapping(says["payload_schema"]), "parameters_schema": mapping(says["parameters_schema"]),
	})
}

func sensor(pack, name, file, dir string, says doc, triggers []any) doc {
	return common("sensor_type", pack, name, file, doc{
		"description": says.text("description"), "enabled": enabled(says, true), "artifact_uri": "file://" + dir + "/sensors/" + says.text("entry_point"),
		"entry_point": "sensors." + strings.TrimSuffix(says.text("entry_point"), ".py") + "." + name, "trigger_types": triggers, "poll_interval": says["poll_interval"],
	})
}

func common(kind, pack, name, file string, d doc) doc {
	d["uid"] = kind + ":" + pack + ":" + name
	d["ref"] = pack + "." + name
	d["pack"], d["name"], d["metadata_file"] = pack, name, file
	return d
}

func enabled(says doc, otherwise bool) bool {
	if on, isBool := says["enabled"].(bool); isBool {
		return on
	}
	return otherwise
}

func mapping(v any) doc {
	switch v := v.(type) {
	case doc:
		return v
	case map[string]any:
		return v
	}
	return doc{}
}

// triggerOf returns the trigger object of a rule: one by name for a type without
// parameters, one of its own otherwise.
func triggerOf(rulePack, ruleName string, says doc) doc {
	kind, parameters := says.text("type"), mapping(says["parameters"])
	ref := kind
	if len(parameters) > 0 {
		pack, _, _ := strings.Cut(kind, ".")
		sum := md5.Sum([]byte(rulePack + "." + ruleName))
		ref = fmt.Sprintf("%s.%x-%x-%x-%x-%x", pack, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
	}
	return doc{"type": kind, "parameters": parameters, "ref": ref}
}
