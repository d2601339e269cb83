package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lazyregexp"
)

// variable is a variable block, and later its value.
type variable struct {
	name      string
	at        diag.Range
	typ       cty.Type
	defaults  *typeexpr.Defaults // of optional object attributes; may be nil
	def       cty.Value          // cty.NilVal without a default
	sensitive bool
	source    variableSource
	ran       *ran // the command of source; nil if it was not run

	value   cty.Value // never cty.NilVal after resolveVariables
	missing bool      // nothing gives it a value
}

// namePattern is stricter than HCL's identifiers: two spellings of one letter in
// Unicode would be two names that look the same.
var namePattern = lazyregexp.New(`\A[A-Za-z_][A-Za-z0-9_-]*\z`)

func (l *loader) checkName(name, kind string, at diag.Range) bool {
	if namePattern().MatchString(name) {
		return true
	}
	l.error(at, "Invalid name", "%q cannot be the name of %s: it must begin with a letter and have only letters, digits, _ and -.", name, kind)
	return false
}

func (l *loader) declareVariables() {
	for _, block := range l.blocks["variable"] {
		name, at := block.Labels[0], block.LabelRanges[0]
		if !l.checkName(name, "a variable", at) || !l.once("variable", name, block.DefRange()) {
			continue
		}
		l.vars[name] = l.declareVariable(name, block)
	}
}

func (l *loader) declareVariable(name string, inner *hclsyntax.Block) *variable {
	v := &variable{name: name, at: inner.DefRange(), typ: cty.DynamicPseudoType, value: cty.DynamicVal}
	attrs := inner.Body.Attributes
	if attr := attrs["type"]; attr != nil {
		typ, defaults, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
		l.report(diags, false)
		if !diags.HasErrors() {
			v.typ, v.defaults = typ, defaults
		}
	}
	literal := block{l: l, body: inner.Body, what: "variable"}
	v.sensitive = literal.flag("sensitive", false)
	literal.text("description", textAny)
	if v.source = literal.readSource(); v.source.kind != "" {
		if attr := attrs["sensitive"]; attr != nil && !v.sensitive {
			l.warn(attr.SrcRange, "Always sensitive", "A value that comes from %s is always a secret. Remove this line.", v.source.kind)
		}
		v.sensitive = true
	}
	if attr := attrs["default"]; attr != nil {
		l.declareDefault(v, attr)
	}
	return v
}

func (l *loader) declareDefault(v *variable, attr *hclsyntax.Attribute) {
	val, diags := attr.Expr.Value(nil)
	l.report(diags, v.sensitive)
	if diags.HasErrors() {
		return
	}
	empty := val.IsNull() || val.Type() == cty.String && val.AsString() == ""
	switch {
	case v.sensitive && !empty:
		l.error(attr.Expr.Range(), "Secret in the declaration",
			"The variable %q is sensitive, so its default would be a secret that everybody can read who can read this file. Remove the default, and give the value in one of these ways:\n\n    file = \"/etc/packsync/%s\"   in the variable block; or env, command, systemd_credential\n    %s%s=…   in the environment\n    --var-file FILE   with %s = \"…\" in it",
			v.name, v.name, envPrefix, v.name, v.name)
		return
	case v.source.kind != "":
		l.error(attr.NameRange, "Default never used", "The variable %q takes its value from %s, so its default would never be used. Remove one of the two.", v.name, v.source.kind)
		return
	}
	converted, err := v.convert(val)
	if err != nil {
		l.error(attr.Expr.Range(), "Wrong type", "The default of variable %q does not fit its type: %s.", v.name, v.describe(err))
		return
	}
	v.def = converted
}

// convert makes a value of the variable's type.
func (v *variable) convert(val cty.Value) (cty.Value, error) {
	if v.defaults != nil {
		val = v.defaults.Apply(val)
	}
	return convert.Convert(val, v.typ)
}

// describe is what may be said about why a value does not fit.
func (v *variable) describe(err error) string {
	if v.sensitive {
		return "it must be " + article(v.typ.FriendlyNameForConstraint())
	}
	return err.Error()
}

// mark is the value as expressions see it: secrets are marked before anything is
// evaluated.
func (v *variable) mark(val cty.Value) cty.Value {
	if v.sensitive {
		return val.Mark(sensitiveMark{})
	}
	return val
}

// fromText reads a value that was given as text, as Terraform does: as it is for
// a simple type or none, else as JSON or as an expression. The error never shows
// it.
func (v *variable) fromText(text string) (cty.Value, error) {
	if v.typ.IsPrimitiveType() || v.typ == cty.DynamicPseudoType {
		val, err := v.convert(cty.StringVal(text))
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s is required", article(v.typ.FriendlyName()))
		}
		return val, nil
	}
	if val, err := decodeJSON(text); err == nil {
		return v.fit(val)
	}
	if nestedTooDeeply([]byte(text)) {
		return cty.NilVal, fmt.Errorf("it nests too deeply")
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "value", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("it must be written as JSON or as in packs.hcl, for example %s", v.example())
	}
	val, diags := expr.Value(nil)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("it must be written without references and functions, for example %s", v.example())
	}
	return v.fit(val)
}

// decodeJSON reads what programs print: HCL would take a ${ in it for a template.
func decodeJSON(text string) (cty.Value, error) {
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") && !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[") {
		return cty.NilVal, errors.New("neither an object nor a list")
	}
	return stdlib.JSONDecode(cty.StringVal(text))
}

func (v *variable) fit(val cty.Value) (cty.Value, error) {
	converted, err := v.convert(val)
	if err != nil {
		return cty.NilVal, fmt.Errorf("%s", v.describe(err))
	}
	return converted, nil
}

func (v *variable) example() string {
	if v.typ.IsListType() || v.typ.IsSetType() || v.typ.IsTupleType() {
		return `["a", "b"]`
	}
	return `{ name = "value" }`
}
