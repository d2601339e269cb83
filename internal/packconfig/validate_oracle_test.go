package packconfig

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
	"github.com/packsync/packsync/internal/testenv"
)

// oracle is a Python process that judges configs with the jsonschema library, as
// StackStorm does.
type oracle struct {
	in  io.Writer
	out *bufio.Reader
}

// The steps are those of reference.md 6.3, told in StackStorm's language, so that
// what Python's types and exceptions do to them is real. Two registrations are
// judged: after 3.9, where nested schemas are as strict as those at the top, and
// before.
const oracleScript = `
import copy, json, sys, warnings, yaml
warnings.simplefilter("ignore")
import jsonschema
from jsonschema.validators import create
D4, D3 = jsonschema.Draft4Validator, jsonschema.Draft3Validator
schemas = sys.argv[1]
load = lambda name: json.load(open(schemas + "/" + name + ".json"))
custom, params = load("metaschema_custom"), load("metaschema_action_params")
lenient = copy.deepcopy(custom)
for key in ("additionalProperties", "id", "$schema"): del lenient[key]
keywords = {k: v for k, v in D4.VALIDATORS.items() if k != "required"}
keywords["properties"] = D3.VALIDATORS["properties"]
Validator = create(meta_schema=lenient, validators=keywords, version="custom", type_checker=D4.TYPE_CHECKER)

def registered(attributes, nested):
    def refer(node):
        if isinstance(node, dict):
            return {k: "urn:x-nested" + v if k == "$ref" and isinstance(v, str) else refer(v)
                    for k, v in node.items() if k not in ("id", "$schema") or isinstance(v, dict)}
        return [refer(v) for v in node] if isinstance(node, list) else node
    wrapper = {"type": "object", "patternProperties": {r"^\w+$": refer(params)}, "additionalProperties": False}
    resolver = jsonschema.RefResolver("", wrapper, store={"urn:x-nested": refer(nested)})
    return not list(Validator(wrapper, resolver=resolver).iter_errors(attributes))

def has(schema, name):
    t = schema.get("type")
    return t == name or isinstance(t, list) and name in t

def nullable(types):
    return any(t == "null" if isinstance(t, str) else isinstance(t, dict) and t.get("type", "string") == "null" for t in types)

def allow_null(schema):
    for p in schema.get("properties", {}).values():
        if ("default" in p or not p.get("required", False)) and p.get("default") is None:
            t = p.get("type", "string")
            if "anyOf" in p and not nullable(p["anyOf"]): p["anyOf"].append({"type": "null"})
            elif "oneOf" in p and not nullable(p["oneOf"]): p["oneOf"].append({"type": "null"})
            elif isinstance(t, list):
                if not nullable(t): t.append("null")
            elif "anyOf" not in p and "oneOf" not in p: p["type"] = [t, "null"]
        if has(p, "array") and p.get("items") and p["items"].get("properties"): allow_null(p["items"])
        if has(p, "object") and p.get("properties"): allow_null(p)

def assign(value, schema):
    if has(schema, "array") and isinstance(value, list) and schema.get("items"):
        items = schema["items"]
        for i, s in zip(range(len(value)), [items] * len(value) if isinstance(items, dict) else items):
            if "default" in s and value[i] is None: value[i] = copy.deepcopy(s["default"])
            if value[i] is not None: assign(value[i], s)
    if has(schema, "object") and isinstance(value, dict):
        properties, needs = schema.get("properties", {}), schema.get("dependencies", {})
        for name, s in properties.items():
            met = all("default" in properties.get(n, {}) or n in value for n in needs.get(name, ()))
            if "default" in s and met and value.get(name) is None: value[name] = copy.deepcopy(s["default"])
            if value.get(name) is not None: assign(value[name], s)

def judge(attributes, config):
    anything = {"anyOf": [{"type": t} for t in ("array", "boolean", "integer", "number", "object", "string")]}
    schema = {"type": "object", "additionalProperties": True,
              "properties": {k: copy.deepcopy(v or anything) for k, v in attributes.items()}}
    allow_null(schema)
    if isinstance(config, dict): assign(config, schema)
    Validator.check_schema(schema)
    errors = [[".".join(str(p) for p in e.path), e.validator] for e in Validator(schema).iter_errors(config)]
    if not errors:
        for k, v in config.items():
            if isinstance(v, str) and ("{{" in v or "{%" in v) and "decrypt_kv" in v and attributes.get(k).get("secret"):
                errors.append(["", "decrypt_kv"])
    return errors

for line in sys.stdin:
    case = json.loads(line)
    attributes = yaml.safe_load(case["schema"])
    answer = {"strict": registered(attributes, custom), "lenient": registered(attributes, lenient)}
    try:
        answer["errors"] = judge(copy.deepcopy(attributes), yaml.safe_load(case["config"]))
    except Exception as e:
        answer["failed"] = type(e).__name__ + ": " + str(e)[:200]
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
`

func newOracle(t *testing.T) *oracle {
	t.Helper()
	schemas := filepath.Join(testenv.Shared(t), "stackstorm", "schemas")
	testenv.Need(t, "python3")
	python := ""
	for _, candidate := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(candidate, "-c", "import yaml, jsonschema").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		testenv.Skip(t, "needs python3-yaml and python3-jsonschema, which are not installed")
	}
	cmd := exec.Command(python, "-c", oracleScript, schemas)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("python: %v\n%s", err, stderr.String())
		}
	})
	return &oracle{in, bufio.NewReader(out)}
}

// verdict is what Python makes of a schema and a config.
type verdict struct {
	Strict  bool // the schema can be registered after 3.9
	Lenient bool // and before
	Errors  [][2]string
	Failed  string // an exception, instead of errors
}

func (o *oracle) judge(t fataler, schema, config []byte) verdict {
	line, err := json.Marshal(map[string]string{"schema": string(schema), "config": string(config)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(o.in, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	answer, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var v verdict
	if err := json.Unmarshal(answer, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

type fataler interface {
	Fatal(...any)
	Errorf(string, ...any)
}

// compareWithOracle wants the same verdict on the schema, and on the config the
// same faults at the same places.
func compareWithOracle(t fataler, o *oracle, schemaYAML, configYAML []byte) {
	v := o.judge(t, schemaYAML, configYAML)
	schema, problems := ParseSchema(schemaYAML)
	if refused := len(blocked(problems)) > 0; refused == v.Lenient {
		t.Errorf("the schema is refused: %v, Python says %v; problems: %v\n%s", refused, !v.Lenient, problems, schemaYAML)
	}
	if v.Lenient != v.Strict && !slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == pack.Warning }) {
		t.Errorf("a schema that StackStorm after 3.9 refuses has no warning:\n%s", schemaYAML)
	}
	doc, err := pyyaml.Unmarshal(configYAML)
	if err != nil {
		t.Fatal(err)
	}
	found := schema.Validate(doc.Root.Value())
	if valid := len(blocked(found)) == 0; valid != (v.Failed == "" && len(v.Errors) == 0) {
		t.Errorf("the config is valid: %v, Python says %s %v; problems: %v\n%s---\n%s", valid, v.Failed, v.Errors, found, schemaYAML, configYAML)
	}
	if v.Failed != "" || schema.unusable != "" {
		return
	}
	var want [][2]string
	for _, e := range v.Errors {
		if e[1] != "decrypt_kv" {
			want = append(want, e)
		}
	}
	if diff := cmp.Diff(sorted(want), sorted(schema.faults(doc.Root.Value()))); diff != "" {
		t.Errorf("(-Python +packsync)\n%s\n%s---\n%s", diff, schemaYAML, configYAML)
	}
}

// faults returns where which keyword is violated.
func (s *Schema) faults(values any) (list [][2]string) {
	config, _ := fromGo(values)
	assignObject(config, s.prepared)
	v := &validator{root: s.prepared, patterns: map[string]*pattern{}}
	for _, f := range v.validate(config, s.prepared, nil) {
		list = append(list, [2]string{strings.Join(f.path, "."), f.keyword})
	}
	return list
}

func sorted(list [][2]string) [][2]string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(list)
}

func TestJudgesAsPythonDoes(t *testing.T) {
	o := newOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		schema := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 3, rapid.ID[string]).Draw(t, "attributes") {
			schema[name] = drawSchema(t, 2)
		}
		config := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, "keys") {
			config[name] = drawValue(t, 2)
		}
		compareWithOracle(t, o, marshal(t, schema), marshal(t, config))
	})
}

func marshal(t fataler, value any) []byte {
	data, err := pyyaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var names = []string{"a", "b", "c", "ab", "x1"}

// drawSchema returns a schema with a few keywords, mostly sensible ones.
func drawSchema(t *rapid.T, depth int) any {
	if rapid.IntRange(0, 150).Draw(t, "odd") == 0 {
		return rapid.SampledFrom([]any{nil, "text", []any{}, map[string]any{}}).Draw(t, "instead")
	}
	schema := map[string]any{}
	for range rapid.IntRange(1, 4).Draw(t, "keywords") {
		keyword := rapid.SampledFrom(drawnKeywords).Draw(t, "keyword")
		schema[keyword] = drawKeyword(t, keyword, depth)
	}
	if rapid.IntRange(0, 2).Draw(t, "typed") > 0 {
		schema["type"] = rapid.SampledFrom([]any{"array", "boolean", "integer", "number", "object", "object", "string"}).Draw(t, "type")
	}
	if _, exclusive := schema["exclusiveMinimum"]; exclusive && schema["minimum"] == nil {
		schema["minimum"] = 1
	}
	return schema
}

var drawnKeywords = []string{
	"type", "required", "default", "enum", "properties", "properties", "patternProperties", "additionalProperties", "dependencies",
	"items", "additionalItems", "anyOf", "oneOf", "allOf", "not", "minimum", "maximum", "exclusiveMinimum", "multipleOf",
	"minLength", "maxLength", "pattern", "minItems", "uniqueItems", "maxProperties", "secret", "position", "immutable", "description", "format", "$ref", "typo",
}

func drawKeyword(t *rapid.T, keyword string, depth int) any {
	if rapid.IntRange(0, 300).Draw(t, "malformed") == 0 {
		return drawValue(t, 1)
	}
	schema := func() any {
		if depth == 0 {
			return map[string]any{"type": rapid.SampledFrom([]string{"string", "integer", "null"}).Draw(t, "leaf")}
		}
		return drawSchema(t, depth-1)
	}
	switch keyword {
	case "type":
		return rapid.SampledFrom([]any{"array", "boolean", "integer", "null", "number", "object", "string", []any{"string", "integer"}, []any{"null", "object"}}).Draw(t, "type")
	case "required", "uniqueItems", "exclusiveMinimum", "secret", "immutable":
		return rapid.Bool().Draw(t, "flag")
	case "default":
		return drawValue(t, 1)
	case "enum":
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any { return drawValue(t, 1) }), 1, 3).Draw(t, "choices")
	case "properties", "patternProperties":
		keys := names
		if keyword == "patternProperties" {
			keys = []string{"^a", `^\w+$`, "b$", "[xyz][0-9]"}
		}
		m := map[string]any{}
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 2, rapid.ID[string]).Draw(t, "names") {
			m[key] = schema()
		}
		return m
	case "additionalProperties", "additionalItems":
		if rapid.Bool().Draw(t, "closed") {
			return rapid.Bool().Draw(t, "open")
		}
		return schema()
	case "dependencies":
		if rapid.Bool().Draw(t, "schema") {
			return map[string]any{"a": schema()}
		}
		return map[string]any{rapid.SampledFrom(names).Draw(t, "name"): []any{rapid.SampledFrom(names).Draw(t, "needs")}}
	case "items":
		if rapid.IntRange(0, 5).Draw(t, "positional") == 0 {
			return []any{schema(), schema()}
		}
		return schema()
	case "not":
		return schema()
	case "anyOf", "oneOf", "allOf":
		return []any{schema(), schema()}
	case "minimum", "maximum":
		return rapid.SampledFrom([]any{0, 1, 2.5, -1}).Draw(t, "limit")
	case "multipleOf":
		return rapid.SampledFrom([]any{2, 0.5, 0.1, 3}).Draw(t, "divisor")
	case "minLength", "maxLength", "minItems", "maxProperties", "position":
		return rapid.IntRange(0, 2).Draw(t, "count")
	case "pattern":
		return rapid.SampledFrom([]string{"^a", `\d+$`, "[^x]", "(a|b)+"}).Draw(t, "pattern")
	case "$ref":
		return rapid.SampledFrom([]string{"#/properties/a", "#/properties/a", "#/properties/b/items", "#/nowhere"}).Draw(t, "ref")
	}
	return "words"
}

func drawValue(t *rapid.T, depth int) any {
	scalars := []any{nil, true, false, 0, 1, 2, 5.0, 2.5, -1, "", "a", "ab1", "x", "{{ st2kv.system.a }}", "{{ st2kv.system.a | decrypt_kv }}"}
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case depth == 0 || kind < 5:
		return rapid.SampledFrom(scalars).Draw(t, "scalar")
	case kind < 7:
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any { return drawValue(t, depth-1) }), 0, 3).Draw(t, "list")
	}
	m := map[string]any{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, "keys") {
		m[name] = drawValue(t, depth-1)
	}
	return m
}
