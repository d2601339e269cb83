package pyyaml

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/packsync/packsync/internal/pack"
)

// Marshal returns v as YAML that PyYAML reads back as the same value. It takes
// map[string]any, []any, string, bool, int, int64, *big.Int, float64, nil and
// pack.Secret, at most MaxDepth deep; anything else, and a string that is not
// UTF-8, is an error that names the key path and never the value.
//
// A pack.Secret is written with its value: the result holds secrets and may go
// only into the config file itself.
//
// Equal values give equal bytes, so that a drift check is a comparison: keys are
// sorted, strings are double-quoted, characters beyond ASCII are escaped (PyYAML
// then reads the same under any locale), lines end in LF and are never folded.
func Marshal(v any) ([]byte, error) {
	root, err := represent(v, nil)
	if err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out,
		yaml.WithIndent(2), yaml.WithCompactSeqIndent(true), yaml.WithLineWidth(-1),
		yaml.WithUnicode(false), yaml.WithLineBreak(yaml.LineBreakLN))
	if err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := dumper.Dump(root); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := dumper.Close(); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// represent builds the tree that Marshal prints; path is where v stands.
func represent(v any, path []string) (*yaml.Node, error) {
	if len(path) > MaxDepth {
		return nil, fmt.Errorf("%s: nested deeper than %d", printPath(path), MaxDepth)
	}
	switch v := v.(type) {
	case nil:
		return plain("null"), nil
	case pack.Secret:
		return represent(v.Reveal(), path)
	case bool:
		return plain(strconv.FormatBool(v)), nil
	case int:
		return plain(strconv.Itoa(v)), nil
	case int64:
		return plain(strconv.FormatInt(v, 10)), nil
	case *big.Int:
		if v == nil {
			return plain("null"), nil
		}
		return plain(v.String()), nil
	case float64:
		return plain(formatFloat(v)), nil
	case string:
		return quoted(v, path)
	case []any:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		for i, item := range v {
			child, err := represent(item, append(path, strconv.Itoa(i)))
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		return node, nil
	case map[string]any:
		node := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			key, err := quoted(name, path)
			if err != nil {
				return nil, fmt.Errorf("a key of %w", err)
			}
			child, err := represent(v[name], append(path, name))
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, key, child)
		}
		return node, nil
	}
	return nil, fmt.Errorf("%s: a value of type %T has no YAML form", printPath(path), v)
}

func plain(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
}

func quoted(text string, path []string) (*yaml.Node, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%s: it is not UTF-8, so YAML cannot hold it (encode it, for example as base64)", printPath(path))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}, nil
}

// formatFloat writes a float so that PyYAML's resolver takes it for one: it
// wants a point, and a sign in the exponent.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	mantissa, exponent, scientific := strings.Cut(text, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if !scientific {
		return mantissa
	}
	return mantissa + "e" + exponent
}

// printPath prints where a value stands: "database.hosts.0".
func printPath(path []string) string {
	if len(path) == 0 {
		return "the value itself"
	}
	return strings.Join(path, ".")
}
