package content

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pyyaml"
)

// field says what a key may hold: the part of JSON Schema that StackStorm's
// schemas of metadata use. The zero field takes anything.
type field struct {
	required bool
	types    []string // of JSON Schema; none means any
	choices  []string
	min, max int    // of an integer, if min < max
	shape    *shape // of an object
	items    *field // of an array
}

// shape says which keys an object may have.
type shape struct {
	fields map[string]field
	open   bool // other keys are let through
	strict bool // optional keys may be absent, but not null
}

var (
	aString  = field{types: []string{"string"}}
	aBool    = field{types: []string{"boolean"}}
	anObject = field{types: []string{"object"}}
	aList    = field{types: []string{"array"}}
	// tags is a list of anything with names and values.
	tags = field{types: []string{"array"}, items: &anObject}
)

func required(f field) field {
	f.required = true
	return f
}

// hasType tells whether a node has a type of JSON Schema. A timestamp is a string
// by the time that StackStorm looks (reference.md 6.1).
func hasType(n *pyyaml.Node, name string) bool {
	switch n.Kind {
	case pyyaml.Null:
		return name == "null"
	case pyyaml.Bool:
		return name == "boolean"
	case pyyaml.Int:
		return name == "integer" || name == "number"
	case pyyaml.Float:
		return name == "number"
	case pyyaml.List:
		return name == "array"
	case pyyaml.Mapping:
		return name == "object"
	}
	return name == "string"
}

// mismatch is one deviation from a shape. what is a sentence without its end.
type mismatch struct {
	id   string
	at   *pyyaml.Node
	what string
}

// check compares a mapping with a shape. where is the path of keys that leads to
// it, "" for the root of the file.
func (s *shape) check(n *pyyaml.Node, where string) (found []mismatch) {
	for _, p := range n.Pairs() {
		key := p.Key.Str()
		f, known := s.fields[key]
		switch {
		case !known && !s.open:
			found = append(found, mismatch{FindingKeyUnknown, p.Key, fmt.Sprintf("%q is not a key that StackStorm knows", joinKey(where, key))})
		// An optional key may be null: StackStorm puts its default there, or
		// leaves it out (reference.md 6.3, steps 1 and 2).
		case known && (p.Value.Kind != pyyaml.Null || f.required || s.strict):
			found = append(found, f.check(p.Value, joinKey(where, key))...)
		}
	}
	for _, key := range s.missing(n) {
		found = append(found, mismatch{FindingKeyMissing, n, joinKey(where, key) + " is missing"})
	}
	return found
}

// missing returns the required keys that a mapping lacks, sorted.
func (s *shape) missing(n *pyyaml.Node) (missing []string) {
	for key, f := range s.fields {
		if f.required && n.Get(key) == nil {
			missing = append(missing, key)
		}
	}
	slices.Sort(missing)
	return missing
}

func (f field) check(n *pyyaml.Node, path string) (found []mismatch) {
	if len(f.types) > 0 && !slices.ContainsFunc(f.types, func(t string) bool { return hasType(n, t) }) {
		return []mismatch{{FindingKeyType, n, fmt.Sprintf("%s has the type %s, not %s", path, n.Kind, strings.Join(f.types, " or "))}}
	}
	if len(f.choices) > 0 && (n.Kind != pyyaml.String || !slices.Contains(f.choices, n.Str())) {
		return []mismatch{{FindingKeyValue, n, fmt.Sprintf("%s is %q, not one of %s", path, n.Str(), strings.Join(f.choices, ", "))}}
	}
	if value, ok := integer(n); ok && f.min < f.max && (value < int64(f.min) || value > int64(f.max)) {
		return []mismatch{{FindingKeyValue, n, fmt.Sprintf("%s is %d, not between %d and %d", path, value, f.min, f.max)}}
	}
	if f.shape != nil && n.Kind == pyyaml.Mapping {
		found = append(found, f.shape.check(n, path)...)
	}
	if f.items != nil {
		for i, item := range n.Items() {
			found = append(found, f.items.check(item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return found
}

// integer returns the value of an Int that fits.
func integer(n *pyyaml.Node) (int64, bool) {
	if n == nil || n.Kind != pyyaml.Int {
		return 0, false
	}
	value, ok := n.Value().(int64)
	return value, ok
}

func joinKey(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}

// conform adds a finding for everything in which the document differs from s.
func (d *document) conform(s *shape) {
	for _, m := range s.check(d.root, "") {
		d.refuse(m.id, m.at, "%s", m.what)
	}
}
