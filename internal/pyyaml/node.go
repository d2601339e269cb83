package pyyaml

import (
	"math/big"
	"strconv"
	"strings"
)

// Kind is what PyYAML makes of a node.
type Kind int

// The kinds. Timestamp is a datetime for PyYAML; here it keeps the text as
// written, which is what StackStorm turns it back into (reference.md 6.1).
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Timestamp
	List
	Mapping

	merge // "<<" as a key
	value // "=", which SafeLoader has no constructor for
)

func (k Kind) String() string {
	names := [...]string{"null", "boolean", "integer", "number", "string", "timestamp", "list", "mapping", "merge key", "value key"}
	return names[k]
}

// Node is a value of a document and where it stands. Nodes are shared where the
// document uses an alias; nobody changes them. All methods may be called on a
// nil Node, which is the value of a key that is not there.
type Node struct {
	Kind         Kind
	Line, Column int // from 1

	scalar any     // bool, int64 or *big.Int, float64, string
	items  []*Node // of a List
	pairs  []Pair  // of a Mapping, merge keys resolved
}

// Pair is one key of a mapping and its value.
type Pair struct{ Key, Value *Node }

// Pairs returns the keys of a mapping in the order of Python's dict: a key that
// is written twice stands where it was first and has the last value. Nil for
// other kinds.
func (n *Node) Pairs() []Pair {
	if n == nil {
		return nil
	}
	return n.pairs
}

// Items returns the elements of a list, nil for other kinds.
func (n *Node) Items() []*Node {
	if n == nil {
		return nil
	}
	return n.items
}

// Get returns the value of a string key, nil if n is not a mapping or lacks it.
func (n *Node) Get(key string) *Node {
	for _, p := range n.Pairs() {
		if p.Key.Kind == String && p.Key.scalar == key {
			return p.Value
		}
	}
	return nil
}

// Lookup follows a path of keys and list indexes ("hosts", "0", "name") and
// returns nil where it ends early.
func (n *Node) Lookup(path ...string) *Node {
	for _, step := range path {
		if n != nil && n.Kind == List {
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n.items) {
				return nil
			}
			n = n.items[i]
			continue
		}
		n = n.Get(step)
	}
	return n
}

// Text returns the text of a String or Timestamp; ok is false for other kinds.
func (n *Node) Text() (text string, ok bool) {
	if n == nil || n.Kind != String && n.Kind != Timestamp {
		return "", false
	}
	return n.scalar.(string), true
}

// Truthy is Python's bool(): false for nil, null, false, zero, and what is empty.
func (n *Node) Truthy() bool {
	if n == nil {
		return false
	}
	switch n.Kind {
	case Bool:
		return n.scalar.(bool)
	case Int, Float:
		return n.scalar != int64(0) && n.scalar != 0.0
	case String:
		return n.scalar != ""
	case List:
		return len(n.items) > 0
	case Mapping:
		return len(n.pairs) > 0
	}
	return n.Kind != Null
}

// Str is Python's str() of a scalar: 1.10 is "1.1", yes is "True". A timestamp
// gives its text as written. Lists, mappings and nil give "".
func (n *Node) Str() string {
	if n == nil {
		return ""
	}
	switch n.Kind {
	case Null:
		return "None"
	case Bool:
		if n.scalar.(bool) {
			return "True"
		}
		return "False"
	case Int:
		if i, ok := n.scalar.(int64); ok {
			return strconv.FormatInt(i, 10)
		}
		return n.scalar.(*big.Int).String()
	case Float:
		return pythonFloat(n.scalar.(float64))
	}
	text, _ := n.Text()
	return text
}

// Value returns the node as plain Go values: map[string]any, []any, string (also
// for a timestamp), bool, int64, *big.Int, float64, nil. A key that is not a
// string becomes Python's str() of it.
func (n *Node) Value() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case List:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.Value()
		}
		return list
	case Mapping:
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.Key.Str()] = p.Value.Value()
		}
		return m
	}
	return n.scalar
}

// identity is equal for two keys exactly if Python holds them for the same key
// of a dict: there 1, 1.0 and True are one.
func (n *Node) identity() string {
	switch n.Kind {
	case Bool:
		if n.scalar.(bool) {
			return "number 1"
		}
		return "number 0"
	case Int:
		return "number " + n.Str()
	case Float:
		exact := new(big.Float).SetMode(big.ToZero)
		if f := n.scalar.(float64); f == f && !isInf(f) {
			if i, accuracy := exact.SetFloat64(f).Int(nil); accuracy == big.Exact {
				return "number " + i.String()
			}
		}
		return "number " + n.Str()
	}
	return strings.Join([]string{n.Kind.String(), n.Str()}, " ")
}

func isInf(f float64) bool { return f-f != 0 }
