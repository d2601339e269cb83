package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/override"
)

// Overrides is an overrides block: what StackStorm has enabled of a pack, or of
// all packs, whatever the packs say.
type Overrides struct {
	Kinds map[string]Override // by kind of content, in the words of package override
	Range hcl.Range
}

// Override is what is declared about one kind of content.
type Override struct {
	Default *bool // of all objects; nil leaves them as the pack ships them
	// Enable and Disable name exceptions; both are empty in the stackstorm block.
	Enable  []OverrideName
	Disable []OverrideName
}

// OverrideName is an object's name, without the pack, and where it is declared.
type OverrideName struct {
	Name  string
	Range hcl.Range
}

// NewContent says what becomes of sensors and rules that a pack did not have
// before. The zero NewContent leaves it to the host, and there it means
// NewContentEnabled.
type NewContent string

// The policies for new content.
const (
	NewContentEnabled  NewContent = "enabled"  // as the pack ships it
	NewContentDisabled NewContent = "disabled" // held back until somebody names it
)

// packOverrides is the schema of the overrides block of a pack.
func packOverrides() *blockType { return overridesType("default", "enable", "disable") }

// globalOverrides is that of the overrides block for all packs.
func globalOverrides() *blockType {
	const defaultsOnly = "For all packs StackStorm reads only defaults, no exceptions. Name single objects in the overrides block of their pack."
	t := overridesType("default")
	for _, kind := range t.blocks {
		kind.never = map[string]string{"enable": defaultsOnly, "disable": defaultsOnly}
	}
	return t
}

func overridesType(attrs ...string) *blockType {
	kinds := map[string]*blockType{}
	for _, kind := range override.Kinds() {
		kinds[kind] = &blockType{example: kind + " {", attrs: attrs}
	}
	return &blockType{
		example: "overrides {", blocks: kinds,
		never: map[string]string{
			"policies": "StackStorm has no overrides for policies.",
			"triggers": "StackStorm has no overrides for triggers. Disable the rules that listen to them, or the sensor that sends them.",
		},
	}
}

// newContent reads what becomes of new sensors and rules.
func (b block) newContent() NewContent {
	text, ok := b.text("new_content", textNonEmpty)
	if !ok {
		return ""
	}
	switch policy := NewContent(text); policy {
	case NewContentEnabled, NewContentDisabled:
		return policy
	}
	b.l.error(b.body.Attributes["new_content"].Expr.Range(), "Unknown policy",
		"new_content is \"enabled\" (new sensors and rules are what the pack ships them as) or \"disabled\" (they are held back until you enable them by name), not %q.", text)
	return ""
}

// decodeOverrides reads the overrides block among blocks; nil if there is none.
func (l *loader) decodeOverrides(blocks hclsyntax.Blocks, s scope) (o *Overrides) {
	for _, inner := range blocks {
		switch {
		case inner.Type != "overrides":
			continue
		case o != nil:
			l.error(inner.DefRange(), "Declared twice", "There is an overrides block at %s already. Put both into one.", place(o.Range))
			continue
		}
		o = &Overrides{Kinds: map[string]Override{}, Range: inner.DefRange()}
		if len(inner.Body.Blocks) == 0 && len(inner.Body.Attributes) == 0 {
			l.error(inner.DefRange(), "Empty block", "This overrides block says nothing. It takes blocks for %s, for example sensors { default = false }.", strings.Join(override.Kinds(), ", "))
		}
		first := map[string]*hclsyntax.Block{}
		for _, kind := range inner.Body.Blocks {
			switch {
			case !slices.Contains(override.Kinds(), kind.Type): // reported already
				continue
			case first[kind.Type] != nil:
				l.error(kind.DefRange(), "Declared twice", "There is a %s block at %s already. Put both into one.", kind.Type, place(first[kind.Type].DefRange()))
				continue
			}
			first[kind.Type] = kind
			b := block{l: l, body: kind.Body, scope: s, what: kind.Type + " block"}
			o.Kinds[kind.Type] = b.decodeOverride(kind)
		}
	}
	return o
}

func (b block) decodeOverride(kind *hclsyntax.Block) (o Override) {
	if len(kind.Body.Attributes) == 0 {
		b.l.error(kind.DefRange(), "Empty block", "This %s block says nothing. It takes default (true or false) and, for a pack, enable and disable (lists of names).", kind.Type)
	}
	if _, v, ok := b.value("default"); ok && v.IsKnown() {
		enabled := b.flag("default", false)
		o.Default = &enabled
	}
	o.Enable, o.Disable = b.names("enable"), b.names("disable")
	seen := map[string]OverrideName{}
	for i, name := range slices.Concat(o.Enable, o.Disable) {
		first, twice := seen[name.Name]
		switch {
		case !twice:
			seen[name.Name] = name
		case i >= len(o.Enable) && slices.Contains(o.Enable, first):
			b.l.error(name.Range, "Conflicting names", "%q is to be enabled, at %s, and disabled. Remove one of the two.", name.Name, place(first.Range))
		default:
			b.l.error(name.Range, "Named twice", "%q stands in this list already. Remove one of the two.", name.Name)
		}
	}
	return o
}

// names reads a list of names; each has the place of its own where it is written
// out. Which pack has which names is not known here.
func (b block) names(argument string) (out []OverrideName) {
	attr, v, ok := b.value(argument)
	if !ok {
		return nil
	}
	at := attr.Expr.Range()
	switch {
	case isSensitive(v):
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject(argument))
		return nil
	case !v.IsWhollyKnown(): // in the partial mode
		return nil
	case !v.Type().IsListType() && !v.Type().IsTupleType() && !v.Type().IsSetType():
		b.l.error(at, "Wrong type", "%s must be a list of names: %s = [\"…\", \"…\"].", b.subject(argument), argument)
		return nil
	}
	places := elementRanges(attr.Expr, v.LengthInt())
	for i, item := range v.AsValueSlice() {
		if item.IsNull() || item.Type() != cty.String || item.AsString() == "" || strings.ContainsFunc(item.AsString(), isControl) {
			b.l.error(places[i], "Wrong type", "%s must be a list of names, and this is none: %s = [\"…\", \"…\"].", b.subject(argument), argument)
			continue
		}
		out = append(out, OverrideName{item.AsString(), places[i]})
	}
	return out
}

// elementRanges is where each of n elements of a list stands: the whole expression
// where the list is not written out.
func elementRanges(expr hclsyntax.Expression, n int) []diag.Range {
	written, isList := expr.(*hclsyntax.TupleConsExpr)
	out := make([]diag.Range, n)
	for i := range out {
		out[i] = expr.Range()
		if isList && len(written.Exprs) == n {
			out[i] = written.Exprs[i].Range()
		}
	}
	return out
}
