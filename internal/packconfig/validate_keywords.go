package packconfig

import (
	"fmt"
	"math"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of the work for one config. Only a schema that refers to itself exceeds
// them; Python gives up on it far earlier.
const (
	maxSteps   = 20_000_000 // keywords judged
	maxNesting = 500        // schemas inside schemas
)

// validator judges a value by a JSON schema with the keywords of draft 4, where
// "required" stands with the property as in draft 3. It follows Python's
// jsonschema, which StackStorm uses, down to which value a fault is about.
type validator struct {
	root      *dict
	patterns  map[string]*pattern
	steps     int
	nesting   int
	unchecked []Problem

	// broken is a $ref that leads nowhere: Python fails on it wherever it meets
	// one, even where another alternative would do.
	broken *fault
	// first: one fault is enough to know, and Python looks no further.
	first bool
}

func (v *validator) spent() bool { return v.steps > maxSteps }

// done tells whether nothing more is to be found out.
func (v *validator) done(faults []fault) bool {
	return v.spent() || v.broken != nil || v.first && len(faults) > 0
}

// keywordFuncs judge a value by one keyword; schema is what holds it.
var keywordFuncs = map[string]func(v *validator, want, value any, schema *dict, path []string) []fault{
	"type": (*validator).typeKeyword, "enum": (*validator).enum,
	"minimum": bound("Minimum", "at least", -1), "maximum": bound("Maximum", "at most", 1), "multipleOf": (*validator).multipleOf,
	"minLength": length("string", "character", -1), "maxLength": length("string", "character", 1), "pattern": (*validator).pattern,
	"minItems": length("array", "element", -1), "maxItems": length("array", "element", 1), "uniqueItems": (*validator).uniqueItems,
	"minProperties": length("object", "key", -1), "maxProperties": length("object", "key", 1),
}

// validate returns all faults. What the meta-schema guarantees is taken for
// granted.
func (v *validator) validate(value any, schema *dict, path []string) (faults []fault) {
	v.nesting++
	defer func() { v.nesting-- }()
	if v.nesting > maxNesting {
		v.steps = maxSteps
	}
	for _, keyword := range schema.keys {
		if v.steps++; v.done(faults) {
			return faults
		}
		want := schema.values[keyword]
		switch keyword {
		case "properties", "patternProperties", "additionalProperties", "dependencies":
			if object, ok := value.(*dict); ok {
				faults = append(faults, v.object(keyword, want, object, schema, path)...)
			}
		case "items", "additionalItems":
			if array, ok := value.([]any); ok {
				faults = append(faults, v.array(keyword, want, array, schema, path)...)
			}
		case "allOf", "anyOf", "oneOf", "not", "$ref":
			faults = append(faults, v.combined(keyword, want, value, path)...)
		default:
			if judge := keywordFuncs[keyword]; judge != nil {
				faults = append(faults, judge(v, want, value, schema, path)...)
			}
		}
	}
	return faults
}

func below(path []string, step string) []string {
	return append(path[:len(path):len(path)], step)
}

func (v *validator) object(keyword string, want any, object, schema *dict, path []string) (faults []fault) {
	switch keyword {
	case "properties":
		properties, _ := want.(*dict)
		for _, name := range properties.keys {
			if v.done(faults) {
				break
			}
			property := properties.child(name)
			if value, there := object.get(name); there {
				faults = append(faults, v.validate(value, property, below(path, name))...)
			} else if property.truthy("required") {
				faults = append(faults, fault{path: below(path, name), keyword: "required"})
			}
		}
	case "patternProperties":
		patterns, _ := want.(*dict)
		for _, expr := range patterns.keys {
			for _, name := range object.keys {
				if !v.done(faults) && v.matches(expr, name, path) == yes {
					faults = append(faults, v.validate(object.values[name], patterns.child(expr), below(path, name))...)
				}
			}
		}
	case "additionalProperties":
		for _, name := range v.extra(object, schema, path) {
			if additional, isSchema := want.(*dict); isSchema && !v.done(faults) {
				faults = append(faults, v.validate(object.values[name], additional, below(path, name))...)
			} else if want == false {
				faults = append(faults, fault{path: path, key: name, keyword: keyword,
					want: "the pack's schema allows no such key here" + suggestion(name, schema.child("properties"))})
			}
		}
	case "dependencies":
		faults = v.dependencies(want, object, path)
	}
	return faults
}

// extra returns the keys that neither properties nor patternProperties names.
// Where a pattern cannot be judged, nothing counts as extra.
func (v *validator) extra(object, schema *dict, path []string) (extra []string) {
	properties, patterns := schema.child("properties"), schema.child("patternProperties")
next:
	for _, name := range object.keys {
		if _, named := properties.get(name); named {
			continue
		}
		if patterns != nil {
			for _, expr := range patterns.keys {
				if v.matches(expr, name, path) != no {
					continue next
				}
			}
		}
		extra = append(extra, name)
	}
	return extra
}

func (v *validator) dependencies(want any, object *dict, path []string) (faults []fault) {
	dependencies, _ := want.(*dict)
	for _, name := range dependencies.keys {
		if _, there := object.get(name); !there {
			continue
		}
		switch needed := dependencies.values[name].(type) {
		case *dict:
			faults = append(faults, v.validate(object, needed, path)...)
		case []any:
			for _, other := range needed {
				text, _ := other.(string)
				if _, there := object.get(text); !there {
					faults = append(faults, fault{path: path, key: text, keyword: "dependencies",
						want: fmt.Sprintf("it is missing: the pack's schema requires it where there is %s", name)})
				}
			}
		}
	}
	return faults
}

func (v *validator) array(keyword string, want any, array []any, schema *dict, path []string) (faults []fault) {
	one, positional := schema.child("items"), schema.list("items")
	for i, item := range array {
		at := below(path, strconv.Itoa(i))
		switch {
		case v.done(faults):
			return faults
		case keyword == "items" && one != nil:
			faults = append(faults, v.validate(item, one, at)...)
		case keyword == "items" && i < len(positional):
			subschema, _ := positional[i].(*dict)
			faults = append(faults, v.validate(item, subschema, at)...)
		case keyword == "additionalItems" && positional != nil && i >= len(positional):
			if additional, isSchema := want.(*dict); isSchema {
				faults = append(faults, v.validate(item, additional, at)...)
			} else if want == false {
				return append(faults, fault{path: path, key: strconv.Itoa(i), keyword: keyword,
					want: fmt.Sprintf("the pack's schema allows %d element(s) here", len(positional))})
			}
		}
	}
	return faults
}

func (v *validator) combined(keyword string, want, value any, path []string) (faults []fault) {
	branches, _ := want.([]any)
	switch keyword {
	case "$ref":
		return v.reference(want, value, path)
	case "not":
		schema, _ := want.(*dict)
		if v.fits(value, schema, path) {
			return []fault{{path: path, keyword: keyword, value: value, want: "must not be what the pack's schema excludes"}}
		}
		return nil
	case "allOf":
		for _, branch := range branches {
			schema, _ := branch.(*dict)
			if !v.done(faults) {
				faults = append(faults, v.validate(value, schema, path)...)
			}
		}
		return faults
	}
	return v.alternatives(keyword, branches, value, path)
}

// fits tells whether a value has no fault, and looks no further than the first.
func (v *validator) fits(value any, schema *dict, path []string) bool {
	defer func(before bool) { v.first = before }(v.first)
	v.first = true
	return len(v.validate(value, schema, path)) == 0
}

// alternatives judges anyOf and oneOf.
func (v *validator) alternatives(keyword string, branches []any, value any, path []string) []fault {
	defer func(before bool) { v.first = before }(v.first)
	v.first = false
	fitting := -1
	var types []string
	for i, branch := range branches {
		schema, _ := branch.(*dict)
		if len(v.validate(value, schema, path)) == 0 {
			fitting = i
			break
		}
		if text := schema.text("type"); text != "" {
			types = append(types, typeText(text))
		}
	}
	if fitting < 0 {
		clause := fmt.Sprintf("must fit one of the %d alternatives of the pack's schema", len(branches))
		if len(types) == len(branches) {
			clause += " (" + orList(types) + ")"
		}
		return []fault{{path: path, keyword: keyword, value: value, want: clause}}
	}
	for _, branch := range branches[fitting+1:] {
		schema, _ := branch.(*dict)
		if keyword == "oneOf" && v.fits(value, schema, path) {
			return []fault{{path: path, keyword: keyword, value: value, want: fmt.Sprintf("must fit only one of the %d alternatives of the pack's schema", len(branches))}}
		}
	}
	return nil
}

// reference follows a $ref inside the schema. Nothing is ever loaded for one.
func (v *validator) reference(want, value any, path []string) []fault {
	ref, isText := want.(string)
	pointer, local := strings.CutPrefix(ref, "#")
	schema, found := v.resolve(pointer)
	if !isText || !local || !found {
		v.broken = &fault{path: path, keyword: "$ref", want: "the pack's schema refers to another one that is not there, and StackStorm fails on it"}
		return []fault{*v.broken}
	}
	return v.validate(value, schema, path)
}

func (v *validator) resolve(pointer string) (*dict, bool) {
	pointer, err := url.PathUnescape(pointer)
	if err != nil {
		return nil, false
	}
	var at any = v.root
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch node := at.(type) {
		case *dict:
			at = node.values[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(node) {
				return nil, false
			}
			at = node[i]
		default:
			return nil, false
		}
	}
	schema, ok := at.(*dict)
	return schema, ok
}

func (v *validator) typeKeyword(want, value any, _ *dict, path []string) []fault {
	types := []any{want}
	if list, isList := want.([]any); isList {
		types = list
	}
	var names []string
	for _, t := range types {
		name, _ := t.(string)
		if hasType(value, name) {
			return nil
		}
		if name != "null" || len(types) == 1 {
			names = append(names, typeText(name))
		}
	}
	return []fault{{path: path, keyword: "type", value: value, want: "must be " + orList(names)}}
}

func (v *validator) enum(want, value any, _ *dict, path []string) []fault {
	choices, _ := want.([]any)
	id := identity(value)
	var texts []string
	for _, choice := range choices {
		if identity(choice) == id {
			return nil
		}
		texts = append(texts, choiceText(choice))
	}
	return []fault{{path: path, keyword: "enum", value: value, want: "must be " + orList(texts)}}
}

// choiceText shows a choice of the schema, which is public.
func choiceText(choice any) string {
	if text, isText := choice.(string); isText {
		return strconv.Quote(text)
	}
	return identity(choice)
}

// bound judges minimum (side -1) and maximum (side 1).
func bound(name, words string, side int) func(*validator, any, any, *dict, []string) []fault {
	keyword := strings.ToLower(name)
	return func(_ *validator, want, value any, schema *dict, path []string) []fault {
		limit, _ := rational(want)
		number, isNumber := rational(value)
		if !isNumber || limit == nil {
			return nil
		}
		clause, side := words, side
		exclusive := schema.truthy("exclusive" + name)
		if exclusive {
			clause = map[int]string{-1: "more than", 1: "less than"}[side]
		}
		if difference := number.Cmp(limit) * side; difference < 0 || difference == 0 && !exclusive {
			return nil
		}
		return []fault{{path: path, keyword: keyword, value: value, want: fmt.Sprintf("must be %s %s", clause, choiceText(want))}}
	}
}

// length judges how much a value of a type holds.
func length(typ, unit string, side int) func(*validator, any, any, *dict, []string) []fault {
	words, prefix := "at least", "min"
	if side > 0 {
		words, prefix = "at most", "max"
	}
	keyword := prefix + map[string]string{"string": "Length", "array": "Items", "object": "Properties"}[typ]
	return func(_ *validator, want, value any, _ *dict, path []string) []fault {
		if typeName(value) != typ {
			return nil
		}
		limit, _ := rational(want)
		if limit == nil || new(big.Rat).SetInt64(int64(size(value))).Cmp(limit)*side <= 0 {
			return nil
		}
		return []fault{{path: path, keyword: keyword, value: value, want: fmt.Sprintf("must have %s %s %s(s)", words, choiceText(want), unit)}}
	}
}

func size(value any) int {
	switch v := value.(type) {
	case string:
		return utf8.RuneCountInString(v)
	case []any:
		return len(v)
	case *dict:
		return len(v.keys)
	}
	return 0
}

// multipleOf divides as Python does: floats by floats, with their rounding.
func (v *validator) multipleOf(want, value any, _ *dict, path []string) []fault {
	number, isNumber := rational(value)
	divisor, _ := rational(want)
	if !isNumber || divisor == nil || divisor.Sign() == 0 {
		return nil
	}
	multiple := false
	quotient := new(big.Rat).Quo(number, divisor)
	f, _ := number.Float64()
	switch d := want.(type) {
	case float64:
		q := f / d
		multiple = math.Trunc(q) == q
		if math.IsInf(q, 0) {
			multiple = quotient.IsInt()
		}
	default:
		multiple = quotient.IsInt()
	}
	if multiple {
		return nil
	}
	return []fault{{path: path, keyword: "multipleOf", value: value, want: "must be a multiple of " + choiceText(want)}}
}

func (v *validator) uniqueItems(want, value any, _ *dict, path []string) []fault {
	array, isArray := value.([]any)
	if !isArray || want != true {
		return nil
	}
	seen := make(map[string]bool, len(array))
	for _, item := range array {
		id := identity(item)
		if seen[id] {
			return []fault{{path: path, keyword: "uniqueItems", value: value, want: "must not hold an element twice"}}
		}
		seen[id] = true
	}
	return nil
}

func orList(words []string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
