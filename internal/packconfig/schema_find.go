package packconfig

import "strings"

// property returns the schema of a key, as StackStorm finds it when it resolves
// dynamic values (reference.md 6.4): properties first, then patternProperties,
// then additionalProperties. known is false for a key that nothing speaks of
// although the schema lists keys.
func (v *validator) property(at found, name string, path []string) (child found, known bool) {
	properties := at.schema.child("properties")
	if schema := properties.child(name); schema != nil {
		return v.follow(at, schema), true
	}
	if patterns := at.schema.child("patternProperties"); patterns != nil {
		for _, expr := range patterns.keys {
			if v.matches(expr, name, path) != no {
				return v.follow(at, patterns.child(expr)), true
			}
		}
	}
	if _, there := at.schema.get("additionalProperties"); there {
		return v.follow(at, at.schema.child("additionalProperties")), true
	}
	return found{}, properties == nil || len(properties.keys) == 0
}

// element returns the schema of a list's element.
func (v *validator) element(at found, i int) found {
	if one := at.schema.child("items"); one != nil {
		return v.follow(at, one)
	}
	positional := at.schema.list("items")
	if i >= len(positional) {
		return v.follow(at, at.schema.child("additionalItems"))
	}
	schema, _ := positional[i].(*dict)
	return v.follow(at, schema)
}

// maxReferences is how many $ref may lead from one to the next.
const maxReferences = 10

// follow goes where the $ref of a schema leads, which is nil or inside at.
func (v *validator) follow(at found, schema *dict) found {
	at.schema = schema
	for range maxReferences {
		pointer, local := strings.CutPrefix(at.schema.text("$ref"), "#")
		if !local {
			break
		}
		target, there := v.resolve(pointer)
		if !there {
			break
		}
		at = found{target, false}
	}
	return at
}

// IsSecret tells whether the pack's schema says that the value under a key, or
// something that holds it, is secret. List elements go by index: ("users", "0",
// "password"). It is false for what the schema does not know.
func (s *Schema) IsSecret(path ...string) bool {
	v := &validator{root: s.prepared, patterns: map[string]*pattern{}}
	at := found{s.prepared, true}
	for i, step := range path {
		if isOrHas(at.schema, "array") {
			at = v.element(at, atoi(step))
		} else {
			at, _ = v.property(at, step, path[:i])
		}
		if at.schema.truthy("secret") {
			return true
		}
	}
	return false
}
