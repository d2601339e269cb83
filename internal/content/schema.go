package content

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/packsync/packsync/internal/pyyaml"
)

// SchemaFault is a place in the schema of a parameter, or of a config attribute,
// that StackStorm's meta-schema refuses (reference.md 6.2).
type SchemaFault struct {
	Attribute string // the parameter or config attribute
	Path      string // down to the place: "items.properties.port"
	Line      int
	Problem   string // a sentence without its end

	// Later: only StackStorm after 3.9 refuses it.
	Later bool
	// Fatal: refused again wherever the schema is used, so that no value is valid.
	Fatal bool
}

func (f SchemaFault) String() string {
	if f.Path == "" {
		return f.Attribute + ": " + f.Problem
	}
	return fmt.Sprintf("%s, in %s: %s", f.Attribute, f.Path, f.Problem)
}

// isParameterName is Python's ^\w+$, which a last newline does not break.
func isParameterName(name string) bool {
	name = strings.TrimSuffix(name, "\n")
	for _, r := range name {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return false
		}
	}
	return name != ""
}

// CheckSchemas compares a mapping from names to schemas with StackStorm's
// meta-schema: that of action parameters at the first level (one type, no other
// keyword), the custom one below.
func CheckSchemas(attributes *pyyaml.Node) []SchemaFault {
	var c schemaChecker
	for _, p := range attributes.Pairs() {
		c.attribute = p.Key.Str()
		if p.Key.Kind != pyyaml.String || !isParameterName(c.attribute) {
			c.fault(p.Key, "", "its name may hold only letters, digits and _")
		}
		if p.Value.Kind == pyyaml.Mapping {
			c.schema(p.Value, "")
			continue
		}
		c.fault(p.Value, "", "it has the type %s, not object", p.Value.Kind)
		// What is empty is taken for "any value" (reference.md 6.3).
		c.faults[len(c.faults)-1].Fatal = p.Value.Truthy()
	}
	return c.faults
}

// checkOutputSchema compares the output_schema of an action with its meta-schema:
// that of parameters, but at the first level any key is let through and any value
// may be null.
func checkOutputSchema(n *pyyaml.Node) []SchemaFault {
	c := schemaChecker{attribute: "output_schema"}
	for _, p := range n.Pairs() {
		if key := p.Key.Str(); p.Value.Kind != pyyaml.Null && (keywords[key] != nil || nesting[key] != "") {
			c.keyword(key, p, "")
		}
	}
	c.bounds(n, "")
	return c.faults
}

type schemaChecker struct {
	attribute string
	faults    []SchemaFault
}

func (c *schemaChecker) fault(at *pyyaml.Node, path, format string, args ...any) {
	c.faults = append(c.faults, SchemaFault{Attribute: c.attribute, Path: path, Line: line(at), Problem: fmt.Sprintf(format, args...)})
}

// fatal is fault for a keyword whose value makes no sense.
func (c *schemaChecker) fatal(at *pyyaml.Node, path, format string, args ...any) {
	c.fault(at, path, format, args...)
	c.faults[len(c.faults)-1].Fatal = true
}

// keywords of the meta-schema and what checks their values. $ref is not among
// them.
var keywords = map[string]func(*schemaChecker, *pyyaml.Node, string){
	"id": isText, "$schema": isText, "title": isText, "description": isText, "pattern": isText,
	"default":    func(*schemaChecker, *pyyaml.Node, string) {},
	"multipleOf": isPositive, "maximum": isNumber, "minimum": isNumber, "position": isPosition,
	"exclusiveMaximum": isFlag, "exclusiveMinimum": isFlag, "uniqueItems": isFlag,
	"required": isFlag, "secret": isFlag, "immutable": isFlag,
	"maxLength": isCount, "minLength": isCount, "maxItems": isCount, "minItems": isCount,
	"maxProperties": isCount, "minProperties": isCount,
	"enum": isEnum, "type": isType,
}

// nesting are the keywords that hold schemas. They are apart from keywords, which
// would otherwise depend on itself.
var nesting = map[string]string{
	"items": "schema or list", "additionalItems": "schema or flag", "additionalProperties": "schema or flag", "not": "schema",
	"definitions": "schemas by name", "properties": "schemas by name", "patternProperties": "schemas by name",
	"dependencies": "dependencies", "allOf": "list", "anyOf": "alternatives", "oneOf": "alternatives",
}

func (c *schemaChecker) schema(n *pyyaml.Node, path string) {
	for _, p := range n.Pairs() {
		c.keyword(p.Key.Str(), p, path)
	}
	c.bounds(n, path)
}

func (c *schemaChecker) keyword(key string, p pyyaml.Pair, path string) {
	at := joinKey(path, key)
	if check := keywords[key]; check != nil {
		check(c, p.Value, at)
		return
	}
	if how, nested := nesting[key]; nested {
		c.nested(how, p.Value, at)
		return
	}
	if key == "format" {
		isText(c, p.Value, at)
	}
	if key != "format" || path == "" {
		c.fault(p.Key, at, "%q is not a keyword that StackStorm knows here", key)
		c.faults[len(c.faults)-1].Later = path != ""
	}
}

// bounds finds an exclusive bound without the bound.
func (c *schemaChecker) bounds(n *pyyaml.Node, path string) {
	for _, bound := range []string{"maximum", "minimum"} {
		exclusive := "exclusive" + strings.ToUpper(bound[:1]) + bound[1:]
		if node := n.Get(exclusive); node != nil && n.Get(bound) == nil {
			c.fatal(node, joinKey(path, exclusive), "%s needs %s beside it", exclusive, bound)
		}
	}
}

func (c *schemaChecker) nested(how string, n *pyyaml.Node, path string) {
	switch {
	case how == "schemas by name" || how == "dependencies":
		c.byName(how, n, path)
	case how == "list" || how == "alternatives" || how == "schema or list" && n.Kind == pyyaml.List:
		if n.Kind != pyyaml.List || len(n.Items()) == 0 {
			c.fatal(n, path, "it must be a list of at least one schema")
			// StackStorm may add null to a list of alternatives.
			c.faults[len(c.faults)-1].Fatal = n.Kind != pyyaml.List || how != "alternatives"
		}
		for i, item := range n.Items() {
			c.subschema(item, fmt.Sprintf("%s[%d]", path, i))
		}
	case how == "schema or flag" && n.Kind == pyyaml.Bool:
	default:
		c.subschema(n, path)
	}
}

func (c *schemaChecker) byName(how string, n *pyyaml.Node, path string) {
	if n.Kind != pyyaml.Mapping {
		c.fatal(n, path, "it has the type %s, not object", n.Kind)
	}
	for _, p := range n.Pairs() {
		at := joinKey(path, p.Key.Str())
		if how != "dependencies" || p.Value.Kind != pyyaml.List {
			c.subschema(p.Value, at)
			continue
		}
		if names := p.Value.Items(); len(names) == 0 || hasTwice(names) || slices.ContainsFunc(names, func(name *pyyaml.Node) bool { return !hasType(name, "string") }) {
			c.fatal(p.Value, at, "it must be a list of different names")
		}
	}
}

func (c *schemaChecker) subschema(n *pyyaml.Node, path string) {
	if n.Kind != pyyaml.Mapping {
		c.fatal(n, path, "it has the type %s, not object", n.Kind)
		return
	}
	c.schema(n, path)
}

func isText(c *schemaChecker, n *pyyaml.Node, path string) {
	if !hasType(n, "string") {
		c.fatal(n, path, "it has the type %s, not string", n.Kind)
	}
}

func isFlag(c *schemaChecker, n *pyyaml.Node, path string) {
	if n.Kind != pyyaml.Bool {
		c.fatal(n, path, "it has the type %s, not boolean", n.Kind)
	}
}

func isNumber(c *schemaChecker, n *pyyaml.Node, path string) {
	if !hasType(n, "number") {
		c.fatal(n, path, "it has the type %s, not number", n.Kind)
	}
}

func isPositive(c *schemaChecker, n *pyyaml.Node, path string) {
	if isNumber(c, n, path); hasType(n, "number") && (!n.Truthy() || isNegative(n)) {
		c.fatal(n, path, "it is not above zero")
	}
}

func isPosition(c *schemaChecker, n *pyyaml.Node, path string) {
	if isNumber(c, n, path); hasType(n, "number") && isNegative(n) {
		c.fatal(n, path, "it is below zero")
	}
}

func isCount(c *schemaChecker, n *pyyaml.Node, path string) {
	if n.Kind != pyyaml.Int || isNegative(n) {
		c.fatal(n, path, "it must be an integer from zero")
	}
}

func isNegative(n *pyyaml.Node) bool { return strings.HasPrefix(n.Str(), "-") && n.Truthy() }

func isEnum(c *schemaChecker, n *pyyaml.Node, path string) {
	if n.Kind != pyyaml.List || len(n.Items()) == 0 {
		c.fatal(n, path, "it must be a list of at least one value")
	}
	if hasTwice(n.Items()) {
		c.fatal(n, path, "it holds a value twice")
	}
}

// hasTwice tells whether two of the values are equal; as in JSON, 1 equals 1.0.
func hasTwice(nodes []*pyyaml.Node) bool {
	seen := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		text := string(valueOf(n))
		if n.Kind == pyyaml.Float {
			text = strings.TrimSuffix(text, ".0")
		}
		if seen[text] {
			return true
		}
		seen[text] = true
	}
	return false
}

var simpleTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// isType takes a list of types too, but at the first level only where the schema
// is used, not where it is registered.
func isType(c *schemaChecker, n *pyyaml.Node, path string) {
	if n.Kind == pyyaml.List {
		if path == "type" {
			c.fault(n, path, "it names several types, where only one is allowed")
		}
		switch {
		case len(n.Items()) == 0:
			// Not fatal by itself: StackStorm may add null to the list.
			c.fault(n, path, "it is an empty list")
		case hasTwice(n.Items()):
			c.fatal(n, path, "it must be a list of different types")
		}
		for _, item := range n.Items() {
			isSimpleType(c, item, path)
		}
		return
	}
	isSimpleType(c, n, path)
}

func isSimpleType(c *schemaChecker, n *pyyaml.Node, path string) {
	if n.Kind != pyyaml.String || !slices.Contains(simpleTypes, n.Str()) {
		c.fatal(n, path, "%q is not one of %s", n.Str(), strings.Join(simpleTypes, ", "))
	}
}
