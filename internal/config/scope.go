package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
)

// sensitiveMark is carried by every value that is or was made from a secret.
type sensitiveMark struct{}

func isSensitive(v cty.Value) bool { return v.HasMarkDeep(sensitiveMark{}) }

// scope is what an expression can refer to.
type scope struct {
	ctx     *hcl.EvalContext
	each    bool           // in a pack with for_each
	key     string         // each.key, if each
	forEach hcl.Expression // what each comes from, if each
	secret  bool           // literals may be secrets: no message may say anything about values
}

// eval returns the value of an expression. A mistake is reported once, and gives
// an unknown value, so that what depends on it stays silent.
func (l *loader) eval(expr hcl.Expression, s scope) cty.Value {
	if isLiteral(expr) {
		v, _ := expr.Value(nil) // cannot fail
		return v
	}
	if s.ctx != nil && !l.checkReferences(expr, s) {
		return cty.DynamicVal
	}
	v, diags := expr.Value(s.ctx)
	l.report(diags, s.secret || l.touchesSecrets(expr, s))
	if diags.HasErrors() {
		return cty.DynamicVal
	}
	return v
}

// isLiteral recognises the common case in which there is nothing to look up.
func isLiteral(expr hcl.Expression) bool {
	switch e := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return e.IsStringLiteral()
	}
	return false
}

// valueFree lists the summaries of HCL whose details name things, never values.
var valueFree = []string{
	"Not enough function arguments", "Too many function arguments", "Unsupported attribute",
	"Variables not allowed", "Function calls not allowed", "Unknown variable", "Attribute redefined", "Invalid expression",
}

// report adds what evaluation complained about. The library puts values into some
// messages; where they may be secret, the detail is left out.
func (l *loader) report(diags hcl.Diagnostics, secret bool) {
	for _, d := range diags {
		safe := diag.Diagnostic{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail, Subject: d.Subject, Context: d.Context}
		if secret && !slices.Contains(valueFree, d.Summary) {
			safe.Detail = "The details are hidden, because secrets may be involved here."
		}
		l.diags = append(l.diags, &safe)
	}
}

// touchesSecrets reports whether a message about the expression could show one.
func (l *loader) touchesSecrets(expr hcl.Expression, s scope) bool {
	for _, t := range expr.Variables() {
		var of cty.Value
		switch name := attributeName(t); t.RootName() {
		case "var":
			of = l.vars[name].value
		case "local":
			of = l.locals[name].value
		default:
			if ctx := s.ctx; ctx != nil {
				of = ctx.Variables[t.RootName()]
			}
		}
		if of != cty.NilVal && isSensitive(of) {
			return true
		}
	}
	return callsSensitive(expr)
}

func callsSensitive(expr hcl.Expression) bool {
	return slices.ContainsFunc(functionCalls(expr), func(call *hclsyntax.FunctionCallExpr) bool { return call.Name == "sensitive" })
}

// functionCalls lists the calls in an expression.
func functionCalls(expr hcl.Expression) []*hclsyntax.FunctionCallExpr {
	var calls []*hclsyntax.FunctionCallExpr
	if node, ok := expr.(hclsyntax.Node); ok {
		// VisitAll only returns what the callback does.
		_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, isCall := n.(*hclsyntax.FunctionCallExpr); isCall {
				calls = append(calls, call)
			}
			return nil
		})
	}
	return calls
}

// checkFunctions reports calls of functions that do not exist.
func (l *loader) checkFunctions(expr hcl.Expression) bool {
	ok := true
	for _, call := range functionCalls(expr) {
		if _, known := l.funcs[call.Name]; !known {
			l.error(call.NameRange, "Unknown function", "There is no function %q.%s", call.Name, didYouMean(call.Name, slices.Collect(maps.Keys(l.funcs))))
			ok = false
		}
	}
	return ok
}

// attributeName returns NAME of var.NAME or var["NAME"], or "".
func attributeName(t hcl.Traversal) string {
	if len(t) < 2 {
		return ""
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString()
		}
	}
	return ""
}

// checkReferences reports names that an expression uses but nobody declared. The
// library would find them too, without knowing what the user may have meant.
func (l *loader) checkReferences(expr hcl.Expression, s scope) bool {
	ok := l.checkFunctions(expr)
	for _, t := range expr.Variables() {
		name := attributeName(t)
		at := t.SourceRange()
		switch root := t.RootName(); root {
		case "var":
			ok = l.checkReference(at, root, name, "variable", l.vars[name] != nil, slices.Collect(maps.Keys(l.vars))) && ok
		case "local":
			ok = l.checkReference(at, root, name, "local value", l.locals[name] != nil, slices.Collect(maps.Keys(l.locals))) && ok
		case "each":
			if !s.each {
				l.error(at, "Reference not allowed here", "each.key and each.value exist only inside a pack block that has for_each.")
				ok = false
			} else if name != "key" && name != "value" {
				l.error(at, "Unknown reference", "each has only key and value.%s", didYouMean(name, []string{"key", "value"}))
				ok = false
			}
		case "pack":
			l.error(at, "Reference not allowed here", "pack.NAME can be used only in depends_on. A pack has no values that others could read.")
			ok = false
		default:
			l.reportUnknownRoot(at, root, s)
			ok = false
		}
	}
	return ok
}

func (l *loader) checkReference(at diag.Range, root, name, kind string, known bool, names []string) bool {
	switch {
	case known:
		return true
	case name == "":
		l.error(at, "Unknown reference", "%q must be followed by the name of a %s: %s.NAME.", root, kind, root)
	default:
		hint := didYouMean(name, names)
		if hint == "" && kind == "variable" {
			hint = fmt.Sprintf(" Declare it:\n\n    variable %q { … }", name)
		}
		l.error(at, "Unknown reference", "There is no %s %q.%s", kind, name, hint)
	}
	return false
}

// reportUnknownRoot helps with a forgotten or misspelt var. or local. Where there
// are secrets, the name may be one that lacks its quotes or holds a ${ by
// accident: it is not repeated unless it is nearly var or local.
func (l *loader) reportUnknownRoot(at diag.Range, root string, s scope) {
	const rule = "References begin with var or local, or with each in a pack with for_each."
	hint := didYouMean(root, []string{"var", "local", "each"})
	switch {
	case l.vars[root] != nil:
		hint = fmt.Sprintf(" Did you mean var.%s?", root)
	case l.locals[root] != nil:
		hint = fmt.Sprintf(" Did you mean local.%s?", root)
	}
	const quotes = "A text needs double quotes, and a literal ${ in it is written $${."
	switch {
	case hint != "":
		l.error(at, "Unknown reference", "There is nothing called %q. %s%s", root, rule, hint)
	case s.secret:
		l.error(at, "Unknown reference", "There is nothing of this name. %s %s", rule, quotes)
	default:
		l.error(at, "Unknown reference", "There is nothing called %q. %s %s", root, rule, quotes)
	}
}

// withoutValue lists the variables that make an expression unknown, through
// locals and for_each, sorted.
func (l *loader) withoutValue(expr hcl.Expression, s scope) []string {
	missing := map[string]bool{}
	seen := map[string]bool{}
	var visit func(expr hcl.Expression)
	visit = func(expr hcl.Expression) {
		for _, t := range expr.Variables() {
			name := attributeName(t)
			switch root := t.RootName(); {
			case root == "var" && l.vars[name] != nil && l.vars[name].missing:
				missing[name] = true
			case root == "local" && l.locals[name] != nil && !seen[name]:
				seen[name] = true
				visit(l.locals[name].expr)
			case root == "each" && s.each && !seen["each."]:
				seen["each."] = true
				visit(s.forEach)
			}
		}
	}
	visit(expr)
	return slices.Sorted(maps.Keys(missing))
}

// reportUnknown says that a value must be known here, unless it is unknown
// because of a mistake that is reported already.
func (l *loader) reportUnknown(expr hcl.Expression, s scope, what string) {
	missing := l.withoutValue(expr, s)
	if len(missing) == 0 || l.req.Mode == Full {
		return
	}
	l.error(expr.Range(), "Value not known", "%s must be known here, but %s no value. %s",
		capital(what), hasOrHave(missing), l.waysToGive(missing[0]))
}

func hasOrHave(names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("the variable %q has", names[0])
	}
	return fmt.Sprintf("the variables %s have", strings.Join(names, ", "))
}

// waysToGive says how a variable gets its value.
func (l *loader) waysToGive(name string) string {
	if v := l.vars[name]; v != nil && v.sensitive {
		return fmt.Sprintf("It is sensitive: give it in a file with --var-file, in the environment as %s%s, or let the variable take it from a file, env, command or systemd_credential.", envPrefix, name)
	}
	return fmt.Sprintf("Give it with --var %s=…, in a file with --var-file, or in the environment as %s%s.", name, envPrefix, name)
}
