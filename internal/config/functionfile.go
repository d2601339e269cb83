package config

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"path"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/packsync/packsync/internal/pyyaml"
)

// readConfined reads a text file in the declaration's directory, and nowhere else.
func (l *loader) readConfined(name string) (string, error) {
	clean := path.Clean(filepath.ToSlash(name))
	if !filepath.IsLocal(filepath.FromSlash(clean)) {
		return "", fmt.Errorf("%q is not inside the directory of the declaration", name)
	}
	if input, known := l.named[clean]; known {
		return string(input.Bytes), nil
	}
	src, err := readFrom(l.confined, clean)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot read %q: %w", name, cause(err))
	case len(src) > maxFileSize:
		return "", fmt.Errorf("cannot read %q: %w", name, errTooLarge)
	case !utf8.Valid(src):
		return "", fmt.Errorf("%q is not a UTF-8 text", name)
	}
	l.named[clean] = Input{Path: clean, Bytes: src}
	return string(src), nil
}

func (l *loader) fileFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := l.readConfined(args[0].AsString())
			return cty.StringVal(text), err
		},
	})
}

// templatefileFunc fills in a template. Templates can use all functions but this
// one, so that none can include itself.
func (l *loader) templatefileFunc(all map[string]function.Function) function.Function {
	inner := map[string]function.Function{}
	for name, f := range all {
		inner[name] = f
	}
	render := func(args []cty.Value) (cty.Value, error) {
		name := args[0].AsString()
		text, err := l.readConfined(name)
		if err != nil {
			return cty.NilVal, err
		}
		vars := args[1]
		if !vars.Type().IsObjectType() && !vars.Type().IsMapType() {
			return cty.NilVal, function.NewArgErrorf(1, "the second argument must be an object: { name = value }")
		}
		if nestedTooDeeply([]byte(text)) {
			return cty.NilVal, fmt.Errorf("%q nests too deeply", name)
		}
		expr, diags := hclsyntax.ParseTemplate([]byte(text), name, hcl.InitialPos)
		if diags.HasErrors() {
			return cty.NilVal, diags
		}
		ctx := &hcl.EvalContext{Variables: vars.AsValueMap(), Functions: inner}
		for _, t := range expr.Variables() {
			if _, known := ctx.Variables[t.RootName()]; !known {
				return cty.NilVal, fmt.Errorf("line %d of %q uses %q, which the second argument does not give", t.SourceRange().Start.Line, name, t.RootName())
			}
		}
		v, diags := expr.Value(ctx)
		if diags.HasErrors() {
			return cty.NilVal, diags
		}
		return v, nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "path", Type: cty.String},
			{Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true},
		},
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() || !args[1].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			bare, _ := args[1].Unmark()
			v, err := render([]cty.Value{args[0], bare})
			if err != nil {
				return cty.NilType, err
			}
			return v.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			bare, marks := args[1].Unmark()
			v, err := render([]cty.Value{args[0], bare})
			if err != nil {
				return cty.NilVal, err
			}
			return v.WithMarks(marks), nil
		},
	})
}

// yamldecodeFunc reads YAML as StackStorm would.
func yamldecodeFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "src", Type: cty.String}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			v, err := decodeYAML(args[0].AsString())
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return decodeYAML(args[0].AsString()) },
	})
}

func decodeYAML(text string) (cty.Value, error) {
	doc, err := pyyaml.Unmarshal([]byte(text))
	if err != nil {
		return cty.DynamicVal, err
	}
	return fromPlain(doc.Root.Value()), nil
}

// fromPlain is the cty value of what package pyyaml returns.
func fromPlain(plain any) cty.Value {
	switch v := plain.(type) {
	case bool:
		return cty.BoolVal(v)
	case int64:
		return cty.NumberIntVal(v)
	case *big.Int:
		return cty.NumberVal(new(big.Float).SetInt(v))
	case float64:
		if math.IsNaN(v) {
			return cty.StringVal(".nan") // cty has no such number
		}
		return cty.NumberFloatVal(v)
	case string:
		return cty.StringVal(v)
	case []any:
		items := make([]cty.Value, len(v))
		for i, item := range v {
			items[i] = fromPlain(item)
		}
		return cty.TupleVal(items)
	case map[string]any:
		attrs := map[string]cty.Value{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			attrs[cty.NormalizeString(key)] = fromPlain(v[key])
		}
		return cty.ObjectVal(attrs)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
