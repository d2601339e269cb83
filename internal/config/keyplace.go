package config

import (
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
)

// KeyRange returns where a key of Values is written, list elements by index: "db",
// "hosts", "0". For what is nowhere written (it is missing, or a function made it)
// it is what holds it, at last the config argument itself.
func (c *PackConfig) KeyRange(path ...string) hcl.Range {
	if c.find == nil {
		return c.Range
	}
	return c.find(path)
}

// finder looks for where a value is written. It follows what it can see through:
// objects, lists, local values, each.value, conditions, merge.
type finder struct {
	l     *loader
	scope scope
}

// find returns where the value at path below expr is written, and how many steps
// of the path it could go; at is where expr itself is.
func (f finder) find(expr hcl.Expression, at diag.Range, path []string) (diag.Range, int) {
	if len(path) == 0 {
		return at, 0
	}
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return f.find(e.Expression, at, path)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range slices.Backward(e.Items) { // the last of equal keys counts
			if f.text(item.KeyExpr) == path[0] {
				return f.step(item.ValueExpr, item.KeyExpr.Range(), path)
			}
		}
	case *hclsyntax.TupleConsExpr:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(e.Exprs) {
			return f.step(e.Exprs[i], firstLine(e.Exprs[i].Range()), path)
		}
	case *hclsyntax.ConditionalExpr:
		if chosen, _ := f.value(e.Condition).Unmark(); chosen.IsKnown() && chosen.Type() == cty.Bool && !chosen.IsNull() {
			if chosen.True() {
				return f.find(e.TrueResult, at, path)
			}
			return f.find(e.FalseResult, at, path)
		}
	case *hclsyntax.FunctionCallExpr:
		return f.inCall(e, at, path)
	case *hclsyntax.ScopeTraversalExpr:
		return f.behind(e, at, path)
	}
	return at, 0
}

func (f finder) step(expr hcl.Expression, at diag.Range, path []string) (diag.Range, int) {
	place, steps := f.find(expr, at, path[1:])
	return place, steps + 1
}

// inCall looks into the arguments of functions that keep keys as they are.
func (f finder) inCall(call *hclsyntax.FunctionCallExpr, at diag.Range, path []string) (diag.Range, int) {
	switch call.Name {
	case "merge", "sensitive", "tomap", "tolist":
		for _, arg := range slices.Backward(call.Args) {
			if place, steps := f.find(arg, at, path); steps > 0 {
				return place, steps
			}
		}
	}
	return at, 0
}

// behind follows a reference to where its value is written.
func (f finder) behind(e *hclsyntax.ScopeTraversalExpr, at diag.Range, path []string) (diag.Range, int) {
	var target hcl.Expression
	var rest []string
	name := attributeName(e.Traversal)
	switch root := e.Traversal.RootName(); {
	case root == "local" && f.l.locals[name] != nil:
		target = f.l.locals[name].expr
	case root == "each" && name == "value" && f.scope.each:
		target, rest = f.scope.forEach, []string{f.scope.key}
	default:
		return at, 0
	}
	for _, step := range e.Traversal[2:] {
		key, ok := stepName(step)
		if !ok {
			return at, 0
		}
		rest = append(rest, key)
	}
	inner := finder{f.l, f.l.scope} // neither sees each
	place, steps := inner.find(target, at, slices.Concat(rest, path))
	if steps <= len(rest) {
		return at, 0
	}
	return place, steps - len(rest)
}

func stepName(step hcl.Traverser) (string, bool) {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		return keyText(step.Key)
	}
	return "", false
}

func (f finder) value(expr hcl.Expression) cty.Value {
	// What is wrong with an expression was reported when it was evaluated.
	v, diags := expr.Value(f.scope.ctx)
	if diags.HasErrors() {
		return cty.DynamicVal
	}
	return v
}

func (f finder) text(expr hcl.Expression) string {
	text, _ := keyText(f.value(expr))
	return text
}

// keyText is a key or an index as a step of a path.
func keyText(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown() || v.IsNull():
		return "", false
	case v.Type() == cty.String:
		return v.AsString(), true
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('f', -1), true
	}
	return "", false
}

// firstLine cuts a range that spans lines, to be shown as one.
func firstLine(r diag.Range) diag.Range {
	if r.End.Line > r.Start.Line {
		r.End = hcl.Pos{Line: r.Start.Line, Column: r.Start.Column + 1, Byte: r.Start.Byte + 1}
	}
	return r
}
