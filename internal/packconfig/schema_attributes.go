package packconfig

import "strconv"

// Attribute describes one key of a config to the person who fills it in.
type Attribute struct {
	Name        string // "" for the elements of a list
	Description string
	Type        string // of JSON Schema; "" if any value is taken, or one of several types
	Required    bool   // and without a default
	Secret      bool
	HasDefault  bool
	Default     any   // as Node.Value returns values
	Enum        []any // the only values, if there are any
	Properties  []Attribute
	Items       *Attribute // what a list holds, nil if the schema does not say
	// Open tells that an object may have other keys than Properties, and that the
	// schema says something about them: see Schema.At.
	Open bool
}

// Attributes returns the keys that the schema lists, in its order.
func (s *Schema) Attributes() []Attribute { return attributesOf(s.attributes) }

func attributesOf(properties *dict) (attributes []Attribute) {
	if properties == nil {
		return nil
	}
	for _, name := range properties.keys {
		attributes = append(attributes, attributeOf(name, properties.child(name)))
	}
	return attributes
}

// At describes the value under a path, also one that the schema lists by no name
// but knows by a pattern or a $ref. List elements go by index. known is false for
// what the schema says nothing about; then any value is taken.
func (s *Schema) At(path ...string) (attribute Attribute, known bool) {
	root := newDict(1)
	root.set("properties", s.attributes)
	v := &validator{root: root, patterns: map[string]*pattern{}}
	at, name := found{root, true}, ""
	for i, step := range path {
		if isOrHas(at.schema, "array") {
			at, name = v.element(at, atoi(step)), ""
		} else {
			at, _ = v.property(at, step, path[:i])
			name = step
		}
	}
	return attributeOf(name, at.schema), at.schema != nil
}

// Path joins the steps of a path as Problem.Path and KeyChange.Path have it.
func Path(steps ...string) string { return pathText(steps) }

func attributeOf(name string, schema *dict) Attribute {
	def, hasDefault := schema.get("default")
	a := Attribute{
		Name:        name,
		Description: schema.text("description"),
		Type:        typeOf(schema),
		Required:    schema.truthy("required") && !hasDefault,
		Secret:      schema.truthy("secret"),
		HasDefault:  hasDefault,
		Default:     toGo(def),
		Properties:  attributesOf(schema.child("properties")),
	}
	// A schema that says nothing of types takes strings only, an empty one
	// anything (reference.md 6.3).
	if _, hasType := schema.get("type"); !hasType && schema != nil && len(schema.keys) > 0 && len(schema.list("anyOf")) == 0 && len(schema.list("oneOf")) == 0 {
		a.Type = "string"
	}
	_, patterns := schema.get("patternProperties")
	a.Open = patterns || schema.child("additionalProperties") != nil
	for _, choice := range schema.list("enum") {
		a.Enum = append(a.Enum, toGo(choice))
	}
	if items := schema.child("items"); items != nil {
		element := attributeOf("", items)
		a.Items = &element
	}
	return a
}

// typeOf returns the one type of a schema, leaving null aside.
func typeOf(schema *dict) string {
	one := schema.text("type")
	for _, item := range schema.list("type") {
		name, _ := item.(string)
		switch {
		case name == "null":
		case one != "":
			return ""
		default:
			one = name
		}
	}
	return one
}

// toGo is the opposite of fromGo.
func toGo(value any) any {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = toGo(item)
		}
		return list
	case *dict:
		m := make(map[string]any, len(v.keys))
		for _, key := range v.keys {
			m[key] = toGo(v.values[key])
		}
		return m
	}
	return value
}

func atoi(text string) int {
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 {
		return 0
	}
	return i
}
