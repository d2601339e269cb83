package packconfig

import (
	"errors"
	"fmt"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// Schema is a pack's config.schema.yaml (reference.md 6.2). It is read-only, and
// safe for concurrent use.
type Schema struct {
	attributes *dict // as written
	prepared   *dict // the JSON schema that StackStorm validates with
	unusable   string
}

// ParseSchema reads the bytes of config.schema.yaml. The problems are those of
// the pack's author; Path is that in the schema, Line that in the file. Where they
// are Blocked, StackStorm refuses to register the pack. The schema is nil if it
// cannot be read at all; else it judges values as StackStorm would, whether
// registered or not.
func ParseSchema(data []byte) (*Schema, []Problem) {
	doc, err := pyyaml.Unmarshal(data)
	var syntax *pyyaml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, []Problem{schemaProblem(pack.Blocked, "", syntax.Line, "%s cannot be read as YAML: %s", content.ConfigSchemaFile, syntax.Problem)}
	}
	if err != nil {
		return nil, []Problem{schemaProblem(pack.Blocked, "", 0, "%s cannot be read: %v", content.ConfigSchemaFile, err)}
	}
	var problems []Problem
	for _, w := range doc.Warnings {
		problems = append(problems, schemaProblem(pack.Warning, "", w.Line, "%s", w.Message))
	}
	switch {
	case !doc.Root.Truthy():
		return nil, append(problems, schemaProblem(pack.Blocked, "", doc.Root.Line, "%s is empty; StackStorm refuses to register the pack (leave the file out if there is nothing to configure)", content.ConfigSchemaFile))
	case doc.Root.Kind != pyyaml.Mapping:
		return nil, append(problems, schemaProblem(pack.Blocked, "", doc.Root.Line, "%s has the type %s; StackStorm needs a mapping from names to schemas", content.ConfigSchemaFile, doc.Root.Kind))
	}
	s := &Schema{attributes: fromNode(doc.Root).(*dict)}
	for _, fault := range content.CheckSchemas(doc.Root) {
		problems = append(problems, s.take(fault))
	}
	if err := s.prepare(); err != nil && s.unusable == "" {
		s.unusable = err.Error()
		problems = append(problems, schemaProblem(pack.Warning, "", 0, "the schema makes every config of the pack invalid: %s", s.unusable))
	}
	return s, problems
}

func schemaProblem(severity pack.Severity, path string, line int, format string, args ...any) Problem {
	return Problem{Path: path, Kind: BadSchema, Severity: severity, Message: fmt.Sprintf(format, args...), Line: line}
}

// take makes a problem of what the meta-schema refuses, and remembers what makes
// the schema unusable.
func (s *Schema) take(fault content.SchemaFault) Problem {
	if fault.Fatal && s.unusable == "" {
		s.unusable = fault.String()
	}
	path := fault.Attribute
	if fault.Path != "" {
		path += "." + fault.Path
	}
	if fault.Later {
		return schemaProblem(pack.Warning, path, fault.Line, "%s; StackStorm after 3.9 refuses to register the pack", fault.Problem)
	}
	return schemaProblem(pack.Blocked, path, fault.Line, "%s; StackStorm refuses to register the pack", fault.Problem)
}

// prepare builds the JSON schema: what is empty takes any value, other keys are
// let through.
func (s *Schema) prepare() error {
	properties := newDict(len(s.attributes.keys))
	for _, name := range s.attributes.keys {
		value := clone(s.attributes.values[name])
		if !truthy(value) {
			value = anyValue()
		}
		properties.set(name, value)
	}
	root := newDict(3)
	root.set("type", "object")
	root.set("properties", properties)
	root.set("additionalProperties", true)
	s.prepared = root
	if err := allowNull(root); err != nil {
		return err
	}
	return checkLists(root)
}

// checkLists finds the lists that are wrong only now: an optional value of type
// "null" has it twice, a list that was empty and is not optional is so still.
func checkLists(schema *dict) error {
	if types := schema.list("type"); len(types) == 2 && types[0] == types[1] {
		return errors.New(`an optional value has the type "null", which StackStorm then adds again`)
	}
	for _, keyword := range []string{"type", "anyOf", "oneOf"} {
		if value, _ := schema.get(keyword); typeName(value) == "array" && !truthy(value) {
			return fmt.Errorf("an empty list stands under %q", keyword)
		}
	}
	for _, nested := range subschemas(schema) {
		if err := checkLists(nested); err != nil {
			return err
		}
	}
	return nil
}

// subschemas returns the schemas right inside a schema.
func subschemas(schema *dict) (inside []*dict) {
	add := func(value any) {
		if nested, ok := value.(*dict); ok {
			inside = append(inside, nested)
		}
	}
	for _, keyword := range []string{"items", "additionalItems", "additionalProperties", "not"} {
		value, _ := schema.get(keyword)
		add(value)
	}
	for _, keyword := range []string{"items", "allOf", "anyOf", "oneOf"} {
		for _, value := range schema.list(keyword) {
			add(value)
		}
	}
	for _, keyword := range []string{"properties", "patternProperties", "definitions", "dependencies"} {
		if byName := schema.child(keyword); byName != nil {
			for _, name := range byName.keys {
				add(byName.values[name])
			}
		}
	}
	return inside
}

func anyValue() *dict {
	var branches []any
	for _, name := range []string{"array", "boolean", "integer", "number", "object", "string"} {
		branch := newDict(1)
		branch.set("type", name)
		branches = append(branches, branch)
	}
	schema := newDict(1)
	schema.set("anyOf", branches)
	return schema
}
