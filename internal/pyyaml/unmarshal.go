package pyyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxWarnings is enough for a person; a hostile document could hold hundreds of
// thousands.
const maxWarnings = 100

// Unmarshal reads one document as PyYAML's SafeLoader does: its implicit types,
// merge keys, and the last of two equal keys wins (with a Warning). The error is
// a *SyntaxError. It refuses, beyond what PyYAML refuses, the tags binary, omap,
// pairs and set, an alias inside what it stands for, a %YAML directive other
// than 1.1, and documents beyond the limits. Its scanner is more lenient in a few
// layouts that nobody writes (": 1" without a key; the tests list them).
func Unmarshal(data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, &SyntaxError{Problem: fmt.Sprintf("the document is larger than %d bytes", MaxSize)}
	}
	if err := checkCharacters(data); err != nil {
		return nil, err
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	var root yaml.Node
	switch err := loader.Load(&root); {
	case errors.Is(err, io.EOF):
		return &Document{Root: &Node{Line: 1, Column: 1}}, nil
	case err != nil:
		return nil, syntaxError(err)
	}
	var second yaml.Node
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, &SyntaxError{second.Line, max(second.Column, 1), "a second document begins, only one is allowed"}
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(err)
	}
	c := constructor{done: map[*yaml.Node]built{}, open: map[*yaml.Node]bool{}, anchors: map[string]bool{}}
	top, err := c.constructValue(root.Content[0], 0)
	if err != nil {
		return nil, err
	}
	return &Document{Root: top.node, Warnings: c.warnings}, nil
}

// checkCharacters refuses what PyYAML's reader calls unacceptable characters.
func checkCharacters(data []byte) error {
	line, column := 1, 0
	for len(data) > 0 {
		if c := data[0]; c >= ' ' && c < 0x7f { // nearly all of nearly all documents
			data, column = data[1:], column+1
			continue
		}
		r, size := utf8.DecodeRune(data)
		column++
		switch {
		case r == utf8.RuneError && size == 1:
			return &SyntaxError{line, column, "the document is not UTF-8"}
		case r == '\n':
			line, column = line+1, 0
		case r == '\t' || r == '\r' || r == 0x85:
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff:
			return &SyntaxError{line, column, fmt.Sprintf("the character U+%04X is not allowed (in double quotes, write it as an escape)", r)}
		}
		data = data[size:]
	}
	return nil
}

// syntaxError translates what the library reports, so that only one kind of
// error leaves this package.
func syntaxError(err error) error {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return &SyntaxError{Problem: err.Error()}
	}
	problem := load.Message
	if strings.HasPrefix(problem, "unknown anchor") { // the library quotes it, and it may be a password without quotes
		problem = "a value that begins with * is an alias, and what it refers to is not there (a text that begins so needs quotes)"
	}
	if load.ContextMsg != "" {
		problem = load.ContextMsg + ": " + problem
	}
	return &SyntaxError{load.Mark.Line, load.Mark.Column, problem}
}

// constructor turns the library's nodes into ours.
type constructor struct {
	done     map[*yaml.Node]built // what an alias may refer to again
	open     map[*yaml.Node]bool  // what is being built: an alias to it is a loop
	anchors  map[string]bool
	warnings []Warning
}

// built is a finished node, how many values it stands for and how deep they are
// nested, aliases followed.
type built struct {
	node         *Node
	size, height int
}

func (b *built) add(child built) {
	b.size += child.size
	b.height = max(b.height, child.height+1)
}

// constructValue is construct for everything but the key of a mapping.
func (c *constructor) constructValue(y *yaml.Node, depth int) (built, error) {
	b, err := c.construct(y, depth)
	if err == nil && (b.node.Kind == merge || b.node.Kind == value) {
		return built{}, refuse(y, "PyYAML cannot read this value without quotes")
	}
	return b, err
}

func (c *constructor) construct(y *yaml.Node, depth int) (built, error) {
	if depth > MaxDepth {
		return built{}, refuse(y, "nested deeper than %d", MaxDepth)
	}
	if y.Kind == yaml.AliasNode {
		if c.open[y.Alias] {
			return built{}, refuse(y, "the alias stands inside what it refers to")
		}
		return c.done[y.Alias], nil
	}
	if y.Anchor != "" {
		if c.anchors[y.Anchor] {
			return built{}, refuse(y, "the anchor is defined twice (a text that begins with & needs quotes)")
		}
		c.anchors[y.Anchor] = true
	}
	anchored := y.Anchor != "" // else no alias leads here
	if anchored {
		c.open[y] = true
		defer delete(c.open, y)
	}
	b, err := c.constructKind(y, depth)
	if err != nil {
		return built{}, err
	}
	switch {
	case b.size > MaxNodes:
		return built{}, refuse(y, "its aliases expand to more than %d values", MaxNodes)
	case b.height > MaxDepth:
		return built{}, refuse(y, "nested deeper than %d", MaxDepth)
	}
	if anchored {
		c.done[y] = b
	}
	return b, nil
}

func (c *constructor) constructKind(y *yaml.Node, depth int) (built, error) {
	n := &Node{Line: y.Line, Column: y.Column}
	switch y.Kind {
	case yaml.SequenceNode:
		if tag := y.ShortTag(); tag != "!!seq" && tag != "!" {
			return built{}, refuse(y, "the tag of this list is not supported")
		}
		n.Kind = List
		b := built{node: n, size: 1}
		for _, child := range y.Content {
			item, err := c.constructValue(child, depth+1)
			if err != nil {
				return built{}, err
			}
			n.items = append(n.items, item.node)
			b.add(item)
		}
		return b, nil
	case yaml.MappingNode:
		if tag := y.ShortTag(); tag != "!!map" && tag != "!" {
			return built{}, refuse(y, "the tag of this mapping is not supported")
		}
		n.Kind = Mapping
		return c.constructMapping(n, y, depth)
	}
	err := constructScalar(n, y)
	return built{node: n, size: 1}, err
}

// constructMapping reads the keys, and flattens merge keys as PyYAML does: what
// is merged comes first, so that the mapping's own keys win.
func (c *constructor) constructMapping(n *Node, y *yaml.Node, depth int) (built, error) {
	b := built{node: n, size: 1}
	var merged []Pair
	own := make([]Pair, 0, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, err := c.construct(y.Content[i], depth+1)
		if err != nil {
			return built{}, err
		}
		val, err := c.constructValue(y.Content[i+1], depth+1)
		if err != nil {
			return built{}, err
		}
		b.add(key)
		b.add(val)
		if key.node.Kind == merge {
			pairs, err := mergePairs(y.Content[i], val.node)
			if err != nil {
				return built{}, err
			}
			merged = append(merged, pairs...)
			continue
		}
		switch key.node.Kind {
		case List, Mapping:
			return built{}, refuse(y.Content[i], "the type %s cannot be a key (a value that begins with {{ needs quotes)", key.node.Kind)
		case value:
			key.node = &Node{Kind: String, Line: key.node.Line, Column: key.node.Column, scalar: "="}
		}
		own = append(own, Pair{key.node, val.node})
	}
	c.fill(n, merged, own)
	return b, nil
}

// fill makes the mapping: later pairs replace earlier ones, and a key that the
// mapping itself has twice is a warning.
func (c *constructor) fill(n *Node, merged, own []Pair) {
	if len(merged) == 0 && differ(own) {
		n.pairs = own
		return
	}
	place := make(map[string]int, len(merged)+len(own))
	set := func(id string, p Pair) {
		if at, there := place[id]; there {
			// A dict keeps its first key object where 1 meets True.
			if first := n.pairs[at].Key; first.Kind != p.Key.Kind {
				p.Key = first
			}
			n.pairs[at] = p
			return
		}
		place[id] = len(n.pairs)
		n.pairs = append(n.pairs, p)
	}
	for _, p := range merged {
		set(p.Key.identity(), p)
	}
	lines := make(map[string]int, len(own))
	for _, p := range own {
		id := p.Key.identity()
		if first, twice := lines[id]; !twice {
			lines[id] = p.Key.Line
		} else if len(c.warnings) < maxWarnings {
			c.warnings = append(c.warnings, Warning{p.Key.Line, p.Key.Column,
				fmt.Sprintf("key %q is written twice (first in line %d): the last one counts", p.Key.Str(), first)})
		}
		set(id, p)
	}
}

// differ tells of a few pairs whether their keys are texts and no two the same, as
// they nearly always are.
func differ(pairs []Pair) bool {
	const few = 24
	if len(pairs) > few {
		return false
	}
	for i, p := range pairs {
		if p.Key.Kind != String {
			return false
		}
		for _, before := range pairs[:i] {
			if before.Key.scalar == p.Key.scalar {
				return false
			}
		}
	}
	return true
}

// mergePairs returns what a merge key brings in, later ones winning: of a list
// of mappings the first has the last word.
func mergePairs(key *yaml.Node, val *Node) ([]Pair, error) {
	switch val.Kind {
	case Mapping:
		return val.pairs, nil
	case List:
		var pairs []Pair
		for _, item := range slices.Backward(val.items) {
			if item.Kind != Mapping {
				return nil, refuse(key, "<< merges mappings, not the type %s", item.Kind)
			}
			pairs = append(pairs, item.pairs...)
		}
		return pairs, nil
	}
	return nil, refuse(key, "<< merges a mapping or a list of mappings, not the type %s", val.Kind)
}

const quotedStyles = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

func constructScalar(n *Node, y *yaml.Node) error {
	switch {
	case y.Style&yaml.TaggedStyle != 0:
		kinds := map[string]Kind{"!!str": String, "!!int": Int, "!!float": Float, "!!bool": Bool, "!!null": Null, "!!timestamp": Timestamp}
		kind, known := kinds[y.ShortTag()]
		if !known {
			return refuse(y, "its tag is not supported (a text that begins with ! needs quotes)")
		}
		n.Kind = kind
	case y.Style&quotedStyles != 0:
		n.Kind = String
	default:
		n.Kind = resolve(y.Value)
	}
	var err error
	switch n.Kind {
	case Bool:
		n.scalar, err = parseBool(y.Value)
	case Int:
		n.scalar, err = parseInt(y.Value)
	case Float:
		n.scalar, err = parseFloat(y.Value)
	case String:
		n.scalar = y.Value
	case Timestamp:
		n.scalar, err = y.Value, checkTimestamp(y.Value)
	}
	if err != nil {
		return refuse(y, "PyYAML cannot read this %s: %s", n.Kind, err)
	}
	return nil
}

func refuse(y *yaml.Node, format string, args ...any) error {
	return &SyntaxError{y.Line, y.Column, fmt.Sprintf(format, args...)}
}
