package packconfig

import "errors"

// StackStorm changes a schema and a config before it validates one against the
// other (reference.md 6.3, steps 1 and 2), and more than its documentation says
// follows from how exactly.

var errPositionalItems = errors.New(`an array with a list of schemas under "items" makes StackStorm fail`)

// allowNull lets the properties of an object be null, in place, where they may be
// absent and have no other default. A property without a type becomes a string
// this way.
func allowNull(object *dict) error {
	properties := object.child("properties")
	if properties == nil {
		return nil
	}
	for _, name := range properties.keys {
		property := properties.child(name)
		if property == nil {
			continue // refused by the meta-schema
		}
		def, hasDefault := property.get("default")
		if (hasDefault || !property.truthy("required")) && def == nil {
			addNull(property)
		}
		if items, _ := property.get("items"); isOrHas(property, "array") && truthy(items) {
			schema, ok := items.(*dict)
			if !ok {
				return errPositionalItems
			}
			if err := allowNull(schema); err != nil {
				return err
			}
		}
		if isOrHas(property, "object") {
			if err := allowNull(property); err != nil {
				return err
			}
		}
	}
	return nil
}

func addNull(property *dict) {
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if value, there := property.get(keyword); there && !takesNull(value) {
			branch := newDict(1)
			branch.set("type", "null")
			list, _ := value.([]any)
			property.set(keyword, append(list, branch))
			return
		}
	}
	_, hasAnyOf := property.get("anyOf")
	_, hasOneOf := property.get("oneOf")
	declared, hasType := property.get("type")
	types, isList := declared.([]any)
	switch {
	case isList && !takesNull(types):
		property.set("type", append(types, "null"))
	case isList || hasAnyOf || hasOneOf:
	case !hasType:
		property.set("type", []any{"string", "null"})
	default:
		property.set("type", []any{declared, "null"})
	}
}

// takesNull tells whether null is one of a list of types or schemas. A schema
// without a type counts as a string.
func takesNull(value any) bool {
	list, _ := value.([]any)
	for _, item := range list {
		if schema, isSchema := item.(*dict); item == "null" || isSchema && schema.text("type") == "null" {
			return true
		}
	}
	return false
}

// isOrHas tells whether a schema's type is name, or a list with it.
func isOrHas(schema *dict, name string) bool {
	if schema.text("type") == name {
		return true
	}
	for _, item := range schema.list("type") {
		if item == name {
			return true
		}
	}
	return false
}

// assignObject puts defaults where a key is missing or null, in place.
func assignObject(value any, schema *dict) {
	object, ok := value.(*dict)
	if !ok {
		return
	}
	properties, dependencies := schema.child("properties"), schema.child("dependencies")
	if properties == nil {
		return
	}
	for _, name := range properties.keys {
		property := properties.child(name)
		def, hasDefault := property.get("default")
		if hasDefault && object.values[name] == nil && dependenciesMet(name, object, properties, dependencies) {
			object.set(name, clone(def))
		}
		current := object.values[name]
		switch {
		case current == nil:
		case isOrHas(property, "array"):
			assignArray(current, property)
		case isOrHas(property, "object"):
			assignObject(current, property)
		}
	}
}

// dependenciesMet tells whether all that a property depends on is there or has a
// default.
func dependenciesMet(name string, object, properties, dependencies *dict) bool {
	needed, _ := dependencies.get(name)
	var names []string
	switch needed := needed.(type) {
	case []any:
		for _, item := range needed {
			text, _ := item.(string)
			names = append(names, text)
		}
	case *dict:
		names = needed.keys
	}
	for _, name := range names {
		_, hasDefault := properties.child(name).get("default")
		if _, there := object.get(name); !hasDefault && !there {
			return false
		}
	}
	return true
}

func assignArray(value any, schema *dict) {
	array, ok := value.([]any)
	if !ok {
		return
	}
	one := schema.child("items")
	positional := schema.list("items")
	for i := range array {
		item := one
		if item == nil {
			if i >= len(positional) {
				return
			}
			item, _ = positional[i].(*dict)
		}
		if def, hasDefault := item.get("default"); hasDefault && array[i] == nil {
			array[i] = clone(def)
		}
		if array[i] == nil {
			continue
		}
		if isOrHas(item, "array") {
			assignArray(array[i], item)
		}
		if isOrHas(item, "object") {
			assignObject(array[i], item)
		}
	}
}
