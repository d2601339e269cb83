package content

import (
	"math"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Action is one file below actions/.
type Action struct {
	Place
	Name         string      `json:"name"` // without the pack
	RunnerType   string      `json:"runner_type"`
	EntryPoint   string      `json:"entry_point,omitempty"` // as written: relative to actions/
	Enabled      bool        `json:"enabled"`
	Parameters   []Parameter `json:"parameters,omitempty"` // sorted by name
	OutputSchema Value       `json:"output_schema,omitempty"`
}

// Parameter is a parameter of an action, or an attribute of a config schema.
type Parameter struct {
	Name     string  `json:"name"`
	Line     int     `json:"line"`
	Type     string  `json:"type,omitempty"` // several are joined by "|"; "" takes any
	Required bool    `json:"required,omitempty"`
	Default  Value   `json:"default,omitempty"`
	Enum     []Value `json:"enum,omitempty"`
	// Immutable is true where the key is there and true; what StackStorm checks is
	// only that it is there.
	Immutable bool  `json:"immutable,omitempty"`
	Secret    bool  `json:"secret,omitempty"` // hide Default
	Position  Value `json:"position,omitempty"`
	// Other holds the remaining keywords (items, pattern, minimum), without title
	// and description, which change nothing.
	Other Value `json:"other,omitempty"`
}

var notification = field{types: []string{"object"}, shape: &shape{fields: map[string]field{
	"message": aString, "data": anObject, "routes": aList, "channels": aList,
}}}

// actionShape is StackStorm's schema of an action, without the schemas of the
// parameters and the output.
var actionShape = shape{fields: map[string]field{
	"id": aString, "ref": aString, "uid": aString, "pack": {}, "metadata_file": aString,
	"name": required(aString), "description": aString, "enabled": aBool,
	"runner_type": required(aString), "entry_point": aString,
	"parameters": anObject, "output_schema": anObject, "tags": tags,
	"notify": {types: []string{"object"}, shape: &shape{fields: map[string]field{
		"on-complete": notification, "on-failure": notification, "on-success": notification,
	}}},
}}

func (d *document) readAction(inv *Inventory) {
	d.name = d.text("name")
	d.conform(&actionShape)
	d.checkParameters()
	for _, fault := range checkOutputSchema(d.root.Get("output_schema")) {
		d.reportFault("", fault)
	}
	d.checkRunner()
	if d.name == "" {
		return
	}
	inv.Actions = append(inv.Actions, Action{
		Place:        d.at(d.root),
		Name:         d.name,
		RunnerType:   d.text("runner_type"),
		EntryPoint:   d.text("entry_point"),
		Enabled:      d.enabled(true),
		Parameters:   readParameters(d.root.Get("parameters")),
		OutputSchema: valueOf(d.root.Get("output_schema")),
	})
}

// readParameters reads a mapping from names to schemas; anything else has none.
func readParameters(n *pyyaml.Node) []Parameter {
	pairs := n.Pairs()
	if len(pairs) == 0 {
		return nil
	}
	parameters := make([]Parameter, len(pairs))
	for i, p := range pairs {
		parameters[i] = readParameter(p)
	}
	slices.SortStableFunc(parameters, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	return parameters
}

func readParameter(p pyyaml.Pair) Parameter {
	parameter := Parameter{Name: p.Key.Str(), Line: p.Key.Line}
	var other []pyyaml.Pair
	for _, keyword := range p.Value.Pairs() {
		switch n := keyword.Value; keyword.Key.Str() {
		case "type":
			parameter.Type = typeOf(n)
		case "required":
			parameter.Required = n.Truthy()
		case "default":
			parameter.Default = valueOf(n)
		case "enum":
			for _, item := range n.Items() {
				parameter.Enum = append(parameter.Enum, valueOf(item))
			}
		case "immutable":
			parameter.Immutable = n.Truthy()
		case "secret":
			parameter.Secret = n.Truthy()
		case "position":
			parameter.Position = valueOf(n)
		case "title", "description":
		default:
			other = append(other, keyword)
		}
	}
	if len(other) > 0 {
		parameter.Other = Value(appendMapping(nil, other))
	}
	return parameter
}

func typeOf(n *pyyaml.Node) string {
	if n.Kind != pyyaml.List {
		return n.Str()
	}
	types := make([]string, len(n.Items()))
	for i, item := range n.Items() {
		types[i] = item.Str()
	}
	return strings.Join(types, "|")
}

// checkParameters finds what StackStorm refuses in the parameters of an action
// (reference.md 4.3).
func (d *document) checkParameters() {
	parameters := d.root.Get("parameters")
	if parameters != nil && parameters.Kind == pyyaml.Null {
		d.refuse(FindingKeyType, parameters, "parameters has no value; leave the key out, or write {}")
	}
	for _, fault := range CheckSchemas(parameters) {
		d.reportFault("the parameter ", fault)
	}
	runner := runners[d.text("runner_type")]
	var positions []position
	for _, p := range parameters.Pairs() {
		name := p.Key.Str()
		if at := p.Value.Get("position"); at != nil {
			positions = append(positions, position{name, at})
		}
		_, ofRunner := runner[name]
		if immutable := p.Value.Get("immutable"); immutable != nil && !ofRunner && p.Value.Get("default") == nil {
			d.refuse(FindingImmutable, immutable, "the parameter %s is immutable but has no default", name)
		}
	}
	d.checkPositions(parameters, positions)
}

// position is where a parameter stands among the positional arguments.
type position struct {
	parameter string
	node      *pyyaml.Node
}

// checkPositions wants integers, different ones, without a gap; they may start
// anywhere.
func (d *document) checkPositions(parameters *pyyaml.Node, positions []position) {
	if len(positions) == 0 {
		return
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	taken := make(map[int64]string, len(positions))
	for _, p := range positions {
		at, ok := integer(p.node)
		if !ok {
			if hasType(p.node, "number") {
				d.refuse(FindingPosition, p.node, "the parameter %s has the position %s, which is not an integer", p.parameter, p.node.Str())
			}
			return
		}
		if other, twice := taken[at]; twice {
			d.refuse(FindingPosition, p.node, "the parameters %s and %s have the same position %d", other, p.parameter, at)
		}
		taken[at] = p.parameter
		first, last = min(first, at), max(last, at)
	}
	if last-first+1 != int64(len(taken)) {
		d.refuse(FindingPosition, parameters, "the positions of the parameters, from %d to %d, have a gap", first, last)
	}
}

func (d *document) reportFault(noun string, fault SchemaFault) {
	what := noun + fault.String()
	at := &pyyaml.Node{Line: fault.Line}
	switch {
	case fault.Later:
		d.doubt(FindingLater, at, "%s; StackStorm after 3.9 refuses to register the %s", what, d.noun)
	case fault.Path == "" && strings.HasPrefix(fault.Problem, "its name"):
		d.refuse(FindingParameterName, at, "%s", what)
	default:
		d.refuse(FindingParameterSchema, at, "%s", what)
	}
}
