package content

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Value is a piece of a pack's metadata (a default, a schema, parameters) as
// JSON text with sorted keys and without spaces, so that equal values are equal
// strings. "" is an absent value, which is not the same as null. Numbers keep
// Python's spelling (5 is not 5.0); infinity and NaN are null, as in StackStorm's
// own copies.
type Value string

// Keys returns the sorted keys of a mapping, nil for anything else.
func (v Value) Keys() []string {
	var mapping map[string]json.RawMessage
	if json.Unmarshal([]byte(v), &mapping) != nil {
		return nil
	}
	keys := make([]string, 0, len(mapping))
	for key := range mapping {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// valueOf returns the value of a node, "" for nil.
func valueOf(n *pyyaml.Node) Value {
	if n == nil {
		return ""
	}
	return Value(appendValue(nil, n))
}

func appendValue(out []byte, n *pyyaml.Node) []byte {
	switch n.Kind {
	case pyyaml.Null:
		return append(out, "null"...)
	case pyyaml.Bool:
		return strconv.AppendBool(out, n.Truthy())
	case pyyaml.Int:
		return append(out, n.Str()...)
	case pyyaml.Float:
		text := n.Str()
		if strings.ContainsAny(text, "in") { // inf, nan
			text = "null"
		}
		return append(out, text...)
	case pyyaml.List:
		out = append(out, '[')
		for i, item := range n.Items() {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, item)
		}
		return append(out, ']')
	case pyyaml.Mapping:
		return appendMapping(out, n.Pairs())
	}
	return appendString(out, n.Str())
}

func appendMapping(out []byte, pairs []pyyaml.Pair) []byte {
	if !slices.IsSortedFunc(pairs, byKey) {
		pairs = slices.Clone(pairs)
		slices.SortStableFunc(pairs, byKey)
	}
	out = append(out, '{')
	for i, pair := range pairs {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, pair.Key.Str())
		out = append(out, ':')
		out = appendValue(out, pair.Value)
	}
	return append(out, '}')
}

func byKey(a, b pyyaml.Pair) int { return strings.Compare(a.Key.Str(), b.Key.Str()) }

// appendString quotes as JSON does, but leaves < > & and everything beyond ASCII
// as it is.
func appendString(out []byte, text string) []byte {
	out = append(out, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			out = append(out, `\u00`...)
			out = append(out, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		i++
	}
	return append(out, '"')
}
