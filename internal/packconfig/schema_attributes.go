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

func attributeOf(name string, schema *dict) Attribute {
	def, hasDefault := schema.get("default")
	a := Attribute{
		Name:        name,
		Description: schema.text("description"),
		Type:        schema.text("type"),
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
	for _, choice := range schema.list("enum") {
		a.Enum = append(a.Enum, toGo(choice))
	}
	if items := schema.child("items"); items != nil {
		element := attributeOf("", items)
		a.Items = &element
	}
	return a
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
