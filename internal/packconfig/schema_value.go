package packconfig

import (
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// Values and schemas are judged in one form: nil, bool, int64, *big.Int, float64,
// string, []any and *dict. Secrets stand there in clear text, so nothing of it
// may be printed.

// dict is Python's: a mapping that keeps its order.
type dict struct {
	keys   []string
	values map[string]any
}

func newDict(size int) *dict { return &dict{values: make(map[string]any, size)} }

func (d *dict) set(key string, value any) {
	if _, there := d.values[key]; !there {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
}

// get may be called on nil.
func (d *dict) get(key string) (value any, there bool) {
	if d == nil {
		return nil, false
	}
	value, there = d.values[key]
	return value, there
}

// child returns a key's value if that is a mapping, else nil.
func (d *dict) child(key string) *dict {
	value, _ := d.get(key)
	child, _ := value.(*dict)
	return child
}

func (d *dict) list(key string) []any {
	value, _ := d.get(key)
	list, _ := value.([]any)
	return list
}

func (d *dict) text(key string) string {
	value, _ := d.get(key)
	text, _ := value.(string)
	return text
}

func (d *dict) truthy(key string) bool {
	value, _ := d.get(key)
	return truthy(value)
}

// truthy is Python's bool().
func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case *dict:
		return len(v.keys) > 0
	case int64:
		return v != 0
	case float64:
		return v != 0
	}
	return true
}

// fromNode returns the value of a node. A timestamp is text, infinity and NaN are
// null: that is what StackStorm's copying makes of them (reference.md 6.1).
func fromNode(n *pyyaml.Node) any {
	switch n.Kind {
	case pyyaml.List:
		list := make([]any, len(n.Items()))
		for i, item := range n.Items() {
			list[i] = fromNode(item)
		}
		return list
	case pyyaml.Mapping:
		d := newDict(len(n.Pairs()))
		for _, p := range n.Pairs() {
			d.set(p.Key.Str(), fromNode(p.Value))
		}
		return d
	}
	return finite(n.Value())
}

func finite(value any) any {
	if f, ok := value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return nil
	}
	return value
}

// fromGo returns the value of what pyyaml.Marshal can write; ok is false for
// anything else.
func fromGo(value any) (result any, ok bool) {
	switch v := value.(type) {
	case pack.Secret:
		return fromGo(v.Reveal())
	case nil, bool, string, int64, *big.Int:
		return v, true
	case int:
		return int64(v), true
	case float64:
		return finite(v), true
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			if list[i], ok = fromGo(item); !ok {
				return nil, false
			}
		}
		return list, true
	case map[string]any:
		d := newDict(len(v))
		for _, key := range sortedKeys(v) {
			item, ok := fromGo(v[key])
			if !ok {
				return nil, false
			}
			d.set(key, item)
		}
		return d, true
	}
	return nil, false
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// clone copies lists and mappings at every depth.
func clone(value any) any {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = clone(item)
		}
		return list
	case *dict:
		d := newDict(len(v.keys))
		for _, key := range v.keys {
			d.set(key, clone(v.values[key]))
		}
		return d
	}
	return value
}

// typeName returns the type of JSON Schema, "integer" for what is also a number.
func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int64, *big.Int:
		return "integer"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func hasType(value any, name string) bool {
	have := typeName(value)
	return have == name || have == "integer" && name == "number"
}

// rational returns the exact value of a number; ok is false for anything else.
func rational(value any) (r *big.Rat, ok bool) {
	switch v := value.(type) {
	case int64:
		return new(big.Rat).SetInt64(v), true
	case *big.Int:
		return new(big.Rat).SetInt(v), true
	case float64:
		return new(big.Rat).SetFloat64(v), true
	}
	return nil, false
}

// identity is the same text for equal values: 1 equals 1.0, but not true.
func identity(value any) string {
	var b strings.Builder
	writeIdentity(&b, value)
	return b.String()
}

func writeIdentity(b *strings.Builder, value any) {
	switch v := value.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		b.WriteString(strconv.Quote(v))
	case []any:
		b.WriteByte('[')
		for _, item := range v {
			writeIdentity(b, item)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case *dict:
		keys := slices.Clone(v.keys)
		slices.Sort(keys)
		b.WriteByte('{')
		for _, key := range keys {
			b.WriteString(strconv.Quote(key))
			b.WriteByte(':')
			writeIdentity(b, v.values[key])
			b.WriteByte(',')
		}
		b.WriteByte('}')
	default:
		r, _ := rational(v)
		b.WriteString(r.RatString())
	}
}
