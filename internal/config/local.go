package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
)

// local is one argument of a locals block, and later its value.
type local struct {
	name  string
	at    diag.Range
	expr  hclsyntax.Expression
	state localState
	value cty.Value
}

type localState int

const (
	localNew localState = iota
	localOpen
	localDone
)

// collect sorts the blocks by type, reporting all that is not in the schema.
func (l *loader) collect(bodies []*hclsyntax.Body) {
	schema := declaration()
	for _, body := range bodies {
		l.diags = append(l.diags, schema.check(body, "a declaration")...)
		for _, block := range body.Blocks {
			if known := schema.blocks[block.Type]; known != nil && len(known.labels) == len(block.Labels) {
				l.blocks[block.Type] = append(l.blocks[block.Type], block)
			}
			if block.Type != "variable" {
				l.noteUses(block.Body)
			}
		}
	}
}

// noteUses remembers which variables are used at all: the others need no value.
func (l *loader) noteUses(body *hclsyntax.Body) {
	for _, attr := range sortedAttributes(body) {
		for _, t := range attr.Expr.Variables() {
			name := attributeName(t)
			if _, known := l.used[name]; !known && t.RootName() == "var" {
				l.used[name] = t.SourceRange()
			}
		}
	}
	for _, block := range body.Blocks {
		l.noteUses(block.Body)
	}
}

// resolveLocals evaluates all local values, each after those it refers to, and
// sets up the scope of everything else.
func (l *loader) resolveLocals() {
	for _, block := range l.blocks["locals"] {
		for _, nested := range block.Body.Blocks {
			l.error(nested.DefRange(), "Unsupported block", "A locals block has only arguments: NAME = VALUE.")
		}
		for _, attr := range sortedAttributes(block.Body) {
			if !l.checkName(attr.Name, "a local value", attr.NameRange) || !l.once("local value", attr.Name, attr.NameRange) {
				continue
			}
			l.locals[attr.Name] = &local{name: attr.Name, at: attr.NameRange, expr: attr.Expr, value: cty.DynamicVal}
		}
	}
	vars := map[string]cty.Value{}
	for name, v := range l.vars {
		vars[name] = v.value
	}
	l.funcs = l.functions()
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(vars)}, Functions: l.funcs}
	for _, name := range slices.Sorted(maps.Keys(l.locals)) {
		l.resolveLocal(l.locals[name], ctx, nil)
	}
	values := map[string]cty.Value{}
	for name, local := range l.locals {
		values[name] = local.value
	}
	ctx.Variables["local"] = cty.ObjectVal(values)
	l.scope = scope{ctx: ctx}
}

// resolveLocal evaluates a local value; path holds those that are waiting for it.
func (l *loader) resolveLocal(v *local, ctx *hcl.EvalContext, path []string) {
	if v.state == localDone {
		return
	}
	path = append(path, v.name)
	if v.state == localOpen {
		start := slices.Index(path, v.name)
		l.error(v.at, "Circular reference", "Local values cannot refer to each other in a circle: %s.", "local."+strings.Join(path[start:], " → local."))
		return
	}
	v.state = localOpen
	needed := map[string]cty.Value{}
	for _, t := range v.expr.Variables() {
		name := attributeName(t)
		if other := l.locals[name]; t.RootName() == "local" && other != nil {
			l.resolveLocal(other, ctx, path)
			needed[name] = other.value
		}
	}
	inner := ctx.NewChild()
	inner.Variables = map[string]cty.Value{"local": cty.ObjectVal(needed)}
	v.value = l.eval(v.expr, scope{ctx: inner})
	v.state = localDone
}
