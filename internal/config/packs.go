package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// declared is a pack on its way into the Config: what it depends on is only a
// list of names until all packs are known.
type declared struct {
	pack  Pack
	needs []need
}

// need is one element of depends_on.
type need struct {
	name string
	at   diag.Range
}

func (l *loader) decodePacks() {
	var packs []declared
	labels := map[string]*hclsyntax.Block{}
	for _, inner := range l.blocks["pack"] {
		label := inner.Labels[0]
		if first := labels[label]; first != nil && (isGroup(first) || isGroup(inner)) {
			l.error(inner.DefRange(), "Declared twice", "The label %q already names the packs that are declared at %s. Choose another.", label, place(first.DefRange()))
			continue
		}
		labels[label] = inner
		start := len(packs)
		if isGroup(inner) {
			packs = append(packs, l.decodeGroup(label, inner)...)
		} else {
			packs = append(packs, l.decodeSinglePack(label, inner)...)
		}
		// The name exists even if its block has a mistake or no members.
		members := l.groups[label]
		for i := start; i < len(packs); i++ {
			members = append(members, i)
		}
		l.groups[label] = members
	}
	l.resolveDependencies(packs)
	for _, p := range packs {
		l.cfg.Packs = append(l.cfg.Packs, p.pack)
	}
	slices.SortFunc(l.cfg.Packs, func(a, b Pack) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
}

func (l *loader) decodeSinglePack(label string, inner *hclsyntax.Block) []declared {
	if attr := inner.Body.Attributes["ref"]; attr != nil {
		l.error(attr.NameRange, "Unsupported argument", "ref belongs to a pack block with for_each. Here the label is the ref: pack \"REF\" { … }.")
	}
	ref, ok := l.takeRef(label, inner.LabelRanges[0], inner.DefRange())
	p := l.decodePack(ref, inner, l.scope)
	if !ok {
		return nil
	}
	return []declared{p}
}

// takeRef checks a ref and that it is the first of its name.
func (l *loader) takeRef(text string, at, header diag.Range) (pack.Ref, bool) {
	ref, err := pack.ParseRef(text)
	if err != nil {
		l.error(at, "Invalid pack ref", "%s.", capital(err.Error()))
		return "", false
	}
	return ref, l.once("pack", text, header)
}

func isGroup(inner *hclsyntax.Block) bool { return inner.Body.Attributes["for_each"] != nil }

// decodeGroup expands a pack block with for_each.
func (l *loader) decodeGroup(label string, inner *hclsyntax.Block) []declared {
	if !l.checkName(label, "a group of packs", inner.LabelRanges[0]) {
		return nil
	}
	attr := inner.Body.Attributes["for_each"]
	items, ok := l.forEach(attr)
	if !ok {
		return nil
	}
	var packs []declared
	for _, key := range slices.Sorted(maps.Keys(items)) {
		ctx := l.scope.ctx.NewChild()
		ctx.Variables = map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(key), "value": items[key]})}
		s := scope{ctx: ctx, each: true, key: key, forEach: attr.Expr}
		text, at := key, attr.Expr.Range()
		if inner.Body.Attributes["ref"] != nil {
			at = inner.Body.Attributes["ref"].Expr.Range()
			b := block{l: l, body: inner.Body, scope: s, what: "pack block"}
			var ok bool
			if text, ok = b.text("ref", textNonEmpty|textKnown); !ok {
				continue
			}
		}
		if ref, ok := l.takeRef(text, at, inner.DefRange()); ok {
			packs = append(packs, l.decodePack(ref, inner, s))
		}
	}
	return packs
}

// forEach returns the keys and values to expand a pack block over.
func (l *loader) forEach(attr *hclsyntax.Attribute) (map[string]cty.Value, bool) {
	v := l.eval(attr.Expr, l.scope)
	at := attr.Expr.Range()
	bare, marks := v.Unmark()
	switch typ := bare.Type(); {
	case len(marks) > 0 || typ.IsSetType() && isSensitive(v):
		l.error(at, "Secret not allowed here", "for_each must not come from a sensitive value: its keys become the refs of packs.")
		return nil, false
	case !bare.IsKnown():
		l.reportUnknown(attr.Expr, l.scope, "for_each")
		return nil, false
	case bare.IsNull():
		l.error(at, "Empty value", "for_each must not be null. Use {} for no packs at all.")
		return nil, false
	case typ.IsSetType() && typ.ElementType() == cty.String:
		if !bare.IsWhollyKnown() {
			l.reportUnknown(attr.Expr, l.scope, "for_each")
			return nil, false
		}
		items := map[string]cty.Value{}
		for _, item := range bare.Elements() {
			if item.IsNull() {
				l.error(at, "Wrong type", "for_each must not have null among its elements.")
				return nil, false
			}
			items[item.AsString()] = item
		}
		return items, true
	case typ.IsMapType() || typ.IsObjectType():
		return bare.AsValueMap(), true
	case typ.IsListType() || typ.IsTupleType():
		l.error(at, "Wrong type", "for_each takes a map or a set of texts, and this is a list. Make it a set: for_each = toset([…]).")
	case typ.IsSetType() && typ.ElementType() == cty.DynamicPseudoType && bare.LengthInt() == 0:
		return nil, true
	default:
		l.error(at, "Wrong type", "for_each takes a map or a set of texts, not %s.", article(typ.FriendlyName()))
	}
	return nil, false
}

// decodePack reads one pack. It is called for every member of a group.
func (l *loader) decodePack(ref pack.Ref, inner *hclsyntax.Block, s scope) declared {
	b := block{l: l, body: inner.Body, scope: s, what: "pack block"}
	d := declared{pack: Pack{Ref: ref, Range: inner.DefRange(), SourceRange: inner.DefRange(), SelectorRange: inner.DefRange()}}
	b.decodeSource(&d.pack)
	b.decodeSelector(&d.pack)
	b.decodeBasePath(&d.pack)
	d.pack.Config = b.decodeConfig()
	d.pack.Virtualenv = b.flag("virtualenv", true)
	d.pack.Replace = b.flag("replace", false)
	d.pack.OnDrift = b.onDrift()
	d.pack.Mode = b.mode()
	d.pack.Purge = b.purge()
	d.pack.PurgeConfig = b.flag("purge_config", false)
	d.pack.Protect = b.protect(ref)
	d.pack.NewContent = b.newContent()
	d.pack.Overrides = l.decodeOverrides(inner.Body.Blocks, s)
	d.pack.Python = l.decodePython(inner, s)
	d.pack.Source.Limits = l.decodeLimits(inner, s)
	d.needs = l.decodeDependsOn(inner.Body.Attributes["depends_on"])
	return d
}

// decodePython reads how the virtualenv of a pack is built.
func (l *loader) decodePython(packBlock *hclsyntax.Block, s scope) (p Python) {
	for _, inner := range packBlock.Body.Blocks {
		if inner.Type != "python" {
			continue
		}
		b := block{l: l, body: inner.Body, scope: s, what: "python block"}
		p.BuildUser = b.textOr("build_user", "")
		p.OnlyBinary = b.flag("only_binary", false)
		text, ok := b.text("timeout", textNonEmpty)
		if !ok {
			continue
		}
		limit, err := time.ParseDuration(text)
		if err != nil || limit <= 0 {
			l.error(inner.Body.Attributes["timeout"].Expr.Range(), "Invalid duration", "The timeout %q is not a time. It looks like \"10m\" or \"90s\".", text)
			continue
		}
		p.Timeout = limit
	}
	return p
}

// onDrift reads what is to happen to packs that a person edited.
func (b block) onDrift() OnDrift {
	text, ok := b.text("on_drift", textNonEmpty)
	if !ok {
		return ""
	}
	switch policy := OnDrift(text); policy {
	case DriftStop, DriftRepair, DriftLeave:
		return policy
	}
	attr := b.body.Attributes["on_drift"]
	b.l.error(attr.Expr.Range(), "Unknown drift policy", "on_drift is one of \"stop\" (block the plan and show the way out), \"repair\" (put what was edited into pen/ and install the pin again) and \"leave\" (leave the pack alone), not %q.", text)
	return ""
}

func (b block) decodeBasePath(p *Pack) {
	p.BasePath = pack.DefaultBasePath
	if !b.given("base_path") {
		return
	}
	name, ok := b.text("base_path", textNonEmpty)
	p.BasePath = name
	if !ok {
		return
	}
	names := []string{pack.DefaultBasePath}
	for _, inner := range b.l.blocks["base_path"] {
		names = append(names, inner.Labels[0])
	}
	for _, known := range b.l.cfg.BasePaths { // those of st2.conf too
		names = append(names, known.Name)
	}
	unread := b.l.hostNames("conf") && !b.l.conf.read // partial mode: the host knows
	if !slices.Contains(names, name) && !unread {
		hint := didYouMean(name, names)
		if hint == "" {
			hint = " Declare it:\n\n    base_path " + quoted(name) + " { path = \"/…\" }"
		}
		b.l.error(b.body.Attributes["base_path"].Expr.Range(), "Unknown base path", "There is no base path %q.%s", name, hint)
	}
}

// decodeConfig reads config or config_file; nil if there is neither.
func (b block) decodeConfig() *PackConfig {
	b.both("config", "config_file", "either packsync writes the file from values, or it copies one")
	if b.given("config_file") {
		return b.decodeConfigFile()
	}
	b.scope.secret = true
	attr, v, ok := b.value("config")
	if !ok {
		return nil
	}
	c := &PackConfig{Range: attr.NameRange}
	c.find = func(path []string) diag.Range {
		at, _ := finder{b.l, b.scope}.find(attr.Expr, c.Range, path)
		return at
	}
	bare, marks := v.Unmark()
	switch typ := bare.Type(); {
	case !bare.IsKnown():
		c.Unknown = true
		return c
	case !typ.IsObjectType() && !typ.IsMapType():
		b.l.error(attr.Expr.Range(), "Wrong type", "config must be an object: config = { name = value }, not %s.", article(typ.FriendlyName()))
		return nil
	}
	b.checkKeys(attr.Expr)
	plain, unknown, err := plainValue(bare)
	if err != nil {
		b.l.error(attr.Expr.Range(), "Unsupported value", "The config cannot be written: %s.", err)
		return nil
	}
	c.Values, c.Unknown, c.Keys = plain.(map[string]any), unknown, keysOf(bare)
	if len(marks) > 0 {
		for key, value := range c.Values {
			if _, already := value.(pack.Secret); !already {
				c.Values[key] = pack.NewSecret(value)
			}
		}
	}
	return c
}

// keysOf lists the keys of an object or map that are given: what is null is not.
func keysOf(object cty.Value) (keys []string) {
	for it := object.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if value, _ = value.Unmark(); !value.IsKnown() || !value.IsNull() {
			keys = append(keys, key.AsString())
		}
	}
	slices.Sort(keys)
	return keys
}

// checkKeys refuses secrets as keys: a plan tells by their names what changes.
func (b block) checkKeys(expr hclsyntax.Expression) {
	// VisitAll only returns what the callback does.
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if key, ok := n.(*hclsyntax.ObjectConsKeyExpr); ok && len(key.Variables()) > 0 && isSensitive(finder{b.l, b.scope}.value(key)) {
			b.l.error(key.Range(), "Secret not allowed here", "Keys of a config are shown in plans and logs, so they must not come from a sensitive value.")
		}
		return nil
	})
}

func (b block) decodeConfigFile() *PackConfig {
	attr := b.body.Attributes["config_file"]
	path, ok := b.path("config_file")
	if !ok {
		return &PackConfig{Unknown: true, Range: attr.NameRange}
	}
	src, err := b.l.readNamed(path)
	if err != nil {
		b.l.error(attr.Expr.Range(), "Unreadable config file", "Cannot read %s: %s. Relative paths count from the directory of the declaration.", path, cause(err))
		return nil
	}
	name := b.l.inputName(path)
	b.l.files[name] = diag.HiddenFile(src)
	b.l.checkConfigFile(name, path, src, attr.Expr.Range())
	return &PackConfig{File: path, Bytes: src, Range: attr.NameRange}
}

// checkConfigFile refuses a config_file that StackStorm could not read.
func (l *loader) checkConfigFile(name, path string, src []byte, at diag.Range) {
	_, err := pyyaml.Unmarshal(src)
	var syntax *pyyaml.SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Line > 0:
		l.error(diag.LineRange(name, src, syntax.Line), "Broken config file", "StackStorm could not read this as YAML: %s.", syntax.Problem)
	case err != nil:
		l.error(at, "Broken config file", "StackStorm could not read %s as YAML: %s.", path, err)
	}
}
