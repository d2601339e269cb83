package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/packsync/packsync/internal/pack"
)

// block reads the arguments of one block. Each method reports what is wrong with
// its argument, and returns false if there is nothing to use: the argument is
// absent, null, not known or wrong.
type block struct {
	l     *loader
	body  *hclsyntax.Body
	scope scope
	what  string // for messages: "pack"
}

// textRule says what a text may be.
type textRule int

const (
	textAny      textRule = 0         // any text without control characters
	textNonEmpty textRule = 1 << iota // not ""
	textKnown                         // an unknown value is an error in any mode
)

// subject begins a sentence about an argument.
func (b block) subject(name string) string {
	return fmt.Sprintf("The argument %q of %s", name, article(b.what))
}

// value evaluates an argument. It is false for one that is absent or null.
func (b block) value(name string) (*hclsyntax.Attribute, cty.Value, bool) {
	attr := b.body.Attributes[name]
	if attr == nil {
		return nil, cty.NilVal, false
	}
	v := b.l.eval(attr.Expr, b.scope)
	bare, _ := v.Unmark()
	return attr, v, !bare.IsKnown() || !bare.IsNull()
}

// text reads an argument that must be a text and no secret.
func (b block) text(name string, rule textRule) (string, bool) {
	attr, v, ok := b.value(name)
	if !ok {
		return "", false
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject(name))
		return "", false
	}
	if !v.IsKnown() {
		if rule&textKnown != 0 {
			b.l.reportUnknown(attr.Expr, b.scope, name)
		}
		return "", false
	}
	if v.Type() != cty.String {
		b.l.error(at, "Wrong type", "%s must be a text in double quotes, not %s.", b.subject(name), article(v.Type().FriendlyName()))
		return "", false
	}
	text := v.AsString()
	switch {
	case text == "" && rule&textNonEmpty != 0:
		b.l.error(at, "Empty value", "%s must not be empty. Leave the argument out if there is nothing to say.", b.subject(name))
		return "", false
	case strings.ContainsFunc(text, isControl):
		b.l.error(at, "Control character", "%s must not contain line breaks or other control characters.", b.subject(name))
		return "", false
	}
	return text, true
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// path reads an argument that is a path; it returns it absolute.
func (b block) path(name string) (string, bool) {
	text, ok := b.text(name, textNonEmpty)
	if !ok {
		return "", false
	}
	if text == "~" || strings.HasPrefix(text, "~/") {
		b.l.error(b.body.Attributes[name].Expr.Range(), "Invalid path", "%s begins with ~, which is not expanded: packsync may run as another user. Write the path out.", b.subject(name))
		return "", false
	}
	return b.l.absolute(filepath.FromSlash(text)), true
}

// secret reads an argument that may be a secret. In the partial mode known tells
// whether it is not just unknown.
func (b block) secret(name string) (secret pack.Secret, known bool) {
	b.scope.secret = true
	attr, v, ok := b.value(name)
	if !ok {
		return pack.Secret{}, true
	}
	v, _ = v.UnmarkDeep()
	switch {
	case !v.IsKnown():
		return pack.Secret{}, false
	case v.Type() != cty.String:
		b.l.error(attr.Expr.Range(), "Wrong type", "%s must be a text in double quotes, not %s.", b.subject(name), article(v.Type().FriendlyName()))
		return pack.Secret{}, true
	case v.AsString() == "":
		b.l.error(attr.Expr.Range(), "Empty value", "%s is empty. Leave the argument out if there is nothing to say.", b.subject(name))
		return pack.Secret{}, true
	case strings.ContainsFunc(v.AsString(), isControl):
		b.l.error(attr.Expr.Range(), "Control character", "%s must not contain line breaks or other control characters.", b.subject(name))
		return pack.Secret{}, true
	}
	return pack.NewSecret(v.AsString()), true
}

// flag reads an argument that is true or false.
func (b block) flag(name string, absent bool) bool {
	attr, v, ok := b.value(name)
	if !ok {
		return absent
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject(name))
		return absent
	}
	if !v.IsKnown() {
		return absent
	}
	converted, err := convert.Convert(v, cty.Bool)
	if err != nil {
		b.l.error(at, "Wrong type", "%s must be true or false.", b.subject(name))
		return absent
	}
	return converted.True()
}

// texts reads an argument that is a list of texts, none of them empty.
func (b block) texts(name string) []string {
	attr, v, ok := b.value(name)
	if !ok {
		return nil
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject(name))
		return nil
	}
	if !v.IsWhollyKnown() {
		return nil
	}
	wrong := func() []string {
		b.l.error(at, "Wrong type", "%s must be a list of texts: %s = [\"…\", \"…\"].", b.subject(name), name)
		return nil
	}
	if !v.Type().IsListType() && !v.Type().IsTupleType() {
		return wrong()
	}
	var out []string
	for _, item := range v.AsValueSlice() {
		if item.IsNull() || item.Type() != cty.String || item.AsString() == "" || strings.ContainsFunc(item.AsString(), isControl) {
			return wrong()
		}
		out = append(out, item.AsString())
	}
	if len(out) == 0 {
		b.l.error(at, "Empty value", "%s must not be empty. Leave the argument out if there is nothing to say.", b.subject(name))
	}
	return out
}

// both reports two arguments that exclude each other, at the second one.
func (b block) both(first, second, why string) bool {
	x, y := b.body.Attributes[first], b.body.Attributes[second]
	if x == nil || y == nil {
		return false
	}
	if x.NameRange.Start.Byte > y.NameRange.Start.Byte {
		x, y = y, x
	}
	b.l.error(y.NameRange, "Conflicting arguments", "%s and %s exclude each other: %s.", x.Name, y.Name, why)
	return true
}
