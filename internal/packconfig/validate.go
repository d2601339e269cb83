package packconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// ProblemKind sorts the problems of a config.
type ProblemKind string

// The kinds of problem.
const (
	Missing       ProblemKind = "missing"        // a required key
	WrongType     ProblemKind = "type"           // a value of another type
	NotAllowed    ProblemKind = "value"          // a value outside what the schema allows
	Unexpected    ProblemKind = "unexpected"     // a key that the schema forbids
	Dynamic       ProblemKind = "dynamic"        // {{ … }} where the schema does not take it
	Decrypt       ProblemKind = "decrypt"        // decrypt_kv where it must not stand
	BadSchema     ProblemKind = "schema"         // the pack's schema itself is at fault
	UnknownKey    ProblemKind = "unknown-key"    // a key that nobody reads: a warning
	LiteralSecret ProblemKind = "literal-secret" // a secret that is written down: a warning
	Unchecked     ProblemKind = "unchecked"      // a rule that packsync cannot judge: a warning
)

// Problem is one thing that is wrong with a config or with its schema. It never
// holds a value of the config, which may be secret.
type Problem struct {
	// Path is the key it is about: dotted, list elements by index, as in
	// KeyChange: "hosts.0.name". "" is the config as a whole.
	Path string
	// Keys is Path as its steps.
	Keys []string
	// Attribute is the path that StackStorm names in its message. It differs from
	// Path for a key that is not allowed, where StackStorm names what holds it.
	Attribute string
	Kind      ProblemKind
	// Severity is pack.Blocked where StackStorm refuses the config (or, from
	// ParseSchema, the pack), else pack.Warning.
	Severity pack.Severity
	Message  string // what is wrong, why, and what to do
	Line     int    // in config.schema.yaml, from ParseSchema only
}

func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// Validate judges the values of configs/REF.yaml, as pyyaml.Marshal takes or
// Node.Value returns them. It returns all problems, where StackStorm reports one:
// a config is valid for StackStorm exactly if none of them is Blocked
// (reference.md 6.3). An absent config (nil) is an empty one. Secrets are judged
// by what they hold.
//
// StackStorm takes an explicit null for a value, which Render leaves out:
// ValidateDeclared is for what Render writes.
func (s *Schema) Validate(values any) []Problem {
	if values == nil {
		values = map[string]any{}
	}
	if s.unusable != "" {
		return []Problem{{Kind: BadSchema, Severity: pack.Blocked, Message: fmt.Sprintf(
			"StackStorm refuses every config of this pack, because of a mistake in the pack's schema: %s", s.unusable)}}
	}
	given, ok := fromGo(values)
	if !ok {
		return []Problem{{Kind: WrongType, Severity: pack.Blocked, Message: "it holds a value that cannot be written as YAML"}}
	}
	cleaned := clone(given)
	assignObject(cleaned, s.prepared)
	v := &validator{root: s.prepared, patterns: map[string]*pattern{}}
	faults := v.validate(cleaned, s.prepared, nil)
	if v.spent() {
		return []Problem{{Kind: BadSchema, Severity: pack.Blocked, Message: "the pack's schema refers to itself without end, and StackStorm fails on it"}}
	}
	if v.broken != nil {
		faults = []fault{*v.broken}
	}
	problems := problemsOf(faults, given)
	if config, isObject := cleaned.(*dict); isObject {
		problems = append(problems, s.checkDecrypt(config, given.(*dict))...)
		problems = append(problems, s.advise(values, v)...)
	}
	return append(problems, v.unchecked...)
}

// ValidateDeclared is Validate for the values of a config in packs.hcl, where an
// attribute that is null is left out.
func (s *Schema) ValidateDeclared(values map[string]any) []Problem {
	return s.Validate(withoutNulls(values))
}

// fault is a place where a value does not fit a keyword of the schema.
type fault struct {
	path    []string // of the value, as StackStorm names it
	key     string   // below path: the key that is not allowed
	keyword string   // of JSON Schema
	value   any      // the value; never printed
	want    string   // a clause: "must be …"
}

// problemsOf leaves out what another problem of the same value says already: a
// value of the wrong type is no choice either.
func problemsOf(faults []fault, given any) (problems []Problem) {
	wrongType := map[string]bool{}
	for _, f := range faults {
		if f.keyword == "type" {
			wrongType[pathText(f.path)] = true
		}
	}
	for _, f := range faults {
		p := f.problem(given)
		if wrongType[p.Path] && f.keyword != "type" && f.keyword != "$ref" {
			continue
		}
		problems = append(problems, p)
	}
	return problems
}

func (f fault) problem(given any) Problem {
	full := f.path
	if f.key != "" {
		full = append(slices.Clone(f.path), f.key)
	}
	p := Problem{Path: pathText(full), Keys: full, Attribute: strings.Join(f.path, "."), Severity: pack.Blocked, Kind: kindOf(f.keyword)}
	text, isText := f.value.(string)
	switch {
	case f.keyword == "required":
		p.Message = "it is missing: the pack's schema requires it and has no default"
	case f.key != "" || f.keyword == "$ref":
		p.Message = f.want
	case isText && isJinja(text):
		p.Kind = Dynamic
		p.Message = fmt.Sprintf("it %s, but StackStorm checks the text of the expression itself when it registers the config, and refuses it. "+
			"Write the value without {{ }}, or have the schema take any string: what an expression gives is a string in any case", f.want)
	case f.keyword == "type" || f.keyword == "anyOf" || f.keyword == "oneOf":
		p.Message = fmt.Sprintf("it %s, but it is %s", f.want, typeText(typeName(f.value)))
	default:
		p.Message = "it " + f.want
	}
	if f.keyword != "required" && !isGiven(given, f) {
		p.Kind = BadSchema
		p.Message = "the default in the pack's schema does not fit the schema (" + p.Message + "); give a value of your own"
	}
	return p
}

func kindOf(keyword string) ProblemKind {
	switch keyword {
	case "required":
		return Missing
	case "type":
		return WrongType
	case "additionalProperties", "additionalItems":
		return Unexpected
	case "$ref":
		return BadSchema
	}
	return NotAllowed
}

// typeText names a type of JSON Schema as HCL does.
func typeText(name string) string {
	switch name {
	case "null":
		return "null"
	case "array":
		return "a list"
	case "integer", "object":
		return "an " + name
	}
	return "a " + name
}

// isGiven tells whether a fault is about a value of the config as it was given,
// not about a default. A null that was given stays one only where there is no
// default.
func isGiven(given any, f fault) bool {
	value := given
	for _, step := range f.path {
		there := false
		switch v := value.(type) {
		case *dict:
			value, there = v.get(step)
		case []any:
			if i, err := strconv.Atoi(step); err == nil && i < len(v) {
				value, there = v[i], true
			}
		}
		if !there {
			return false
		}
	}
	return value != nil || f.value == nil
}

// isJinja is how StackStorm recognises a dynamic value.
func isJinja(text string) bool { return strings.Contains(text, "{{") || strings.Contains(text, "{%") }

func pathText(path []string) string {
	var b strings.Builder
	for i, step := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		if _, err := strconv.Atoi(step); err == nil || plainName().MatchString(step) {
			b.WriteString(step)
			continue
		}
		b.WriteString(strconv.Quote(step))
	}
	return b.String()
}
