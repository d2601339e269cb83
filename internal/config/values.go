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

// envPrefix begins the environment variables that give values.
const envPrefix = "PACKSYNC_VAR_"

// given is a value that comes from outside the declaration.
type given struct {
	text   string         // as it was written, if attr is nil
	attr   *hcl.Attribute // in a var file
	origin string         // "--var", "PACKSYNC_VAR_x" or the var file's name
}

// givenValues reads the environment, then the var files, then --var: a later
// value replaces an earlier one.
func (l *loader) givenValues() map[string][]given {
	values := map[string][]given{}
	add := func(name string, g given) { values[name] = append(values[name], g) }
	for _, entry := range l.req.Environ {
		if rest, ours := strings.CutPrefix(entry, envPrefix); ours {
			name, text, _ := strings.Cut(rest, "=")
			add(name, given{text: text, origin: envPrefix + name})
		}
	}
	for _, path := range l.req.VarFiles {
		for _, attr := range l.parseVarFile(path) {
			add(attr.Name, given{attr: attr, origin: attr.Range.Filename})
		}
	}
	for _, option := range l.req.Vars {
		name, text, found := strings.Cut(option, "=")
		if !found || name == "" {
			// The option may be a secret without a name in front.
			l.error(diag.Range{}, "Invalid --var", "The option --var needs a name and a value: --var NAME=VALUE.")
			continue
		}
		add(name, given{text: text, origin: "--var"})
	}
	return values
}

// parseVarFile returns the values of a var file in the order they are written.
func (l *loader) parseVarFile(path string) []*hcl.Attribute {
	src, err := l.readAny(path)
	name := l.inputName(path)
	if err != nil {
		l.error(diag.Range{}, "Unreadable var file", "Cannot read %s: %s.", path, cause(err))
		return nil
	}
	l.inputs = append(l.inputs, Input{Path: name, Bytes: src})
	l.files[name] = diag.HiddenFile(src)
	file := l.parse(src, name, "--var-file may be given more than once")
	if file == nil {
		return nil
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	for _, block := range body.Blocks {
		l.error(block.DefRange(), "Unsupported block", "A var file has only values: NAME = VALUE.")
	}
	var attrs []*hcl.Attribute
	for _, attr := range sortedAttributes(body) {
		attrs = append(attrs, attr.AsHCLAttribute())
	}
	return attrs
}

// resolveVariables gives every variable its value: the last one given, else that
// of its source, else its default, else an unknown one.
func (l *loader) resolveVariables(values map[string][]given) {
	l.reportUndeclared(values)
	l.runCommands(values)
	for _, name := range slices.Sorted(maps.Keys(l.vars)) {
		v := l.vars[name]
		v.value = v.mark(cty.UnknownVal(v.typ))
		if all := values[name]; len(all) > 0 {
			// All are judged, the last one counts.
			for _, g := range all {
				if val, ok := l.take(v, g); ok {
					v.value = v.mark(val)
				}
			}
			continue
		}
		l.resolveUngiven(v)
	}
}

func (l *loader) resolveUngiven(v *variable) {
	at, used := l.used[v.name]
	switch {
	case v.source.kind != "" && used:
		val, err := l.fromSource(v)
		switch {
		case err == nil:
			v.value = v.mark(val)
		case l.req.Mode == Partial:
			// The secrets of a host need not be where the declaration is reviewed.
			v.missing = true
		default:
			l.reportSource(v, at, err)
		}
	case v.def != cty.NilVal:
		v.value = v.mark(v.def)
	default:
		v.missing = true
		if used && l.req.Mode == Full {
			l.error(v.at, "No value for variable", "The variable %q has no value, but %s uses it. %s", v.name, place(at), l.waysToGive(v.name))
		}
	}
}

// take checks and converts one given value.
func (l *loader) take(v *variable, g given) (cty.Value, bool) {
	if g.origin == "--var" && v.sensitive {
		l.error(diag.Range{}, "Secret on the command line",
			"The variable %q is sensitive, and everybody on this host can read the arguments of a process. %s", v.name, l.waysToGive(v.name))
		return cty.NilVal, false
	}
	if g.attr == nil {
		val, err := v.fromText(g.text)
		if err != nil {
			l.error(diag.Range{}, "Wrong type", "The value of variable %q from %s does not fit: %s.", v.name, g.origin, err)
			return cty.NilVal, false
		}
		return val, true
	}
	val, diags := g.attr.Expr.Value(nil)
	l.report(diags, true)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	converted, err := v.convert(val)
	if err != nil {
		l.error(g.attr.Expr.Range(), "Wrong type", "The value does not fit the type of variable %q: %s.", v.name, v.describe(err))
		return cty.NilVal, false
	}
	return converted, true
}

// reportUndeclared judges values for variables that nobody declared. A --var is
// meant for this declaration, so it is an error; a var file may be shared by
// several; the environment may hold anything.
func (l *loader) reportUndeclared(values map[string][]given) {
	names := slices.Collect(maps.Keys(l.vars))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if l.vars[name] != nil {
			continue
		}
		for _, g := range values[name] {
			switch {
			case g.attr != nil:
				l.warn(g.attr.NameRange, "Undeclared variable", "There is no variable %q, so this value is not used.%s", name, didYouMean(name, names))
			case g.origin == "--var":
				l.error(diag.Range{}, "Undeclared variable", "The option --var gives a value to %s, which is not declared.%s", printName(name), didYouMean(name, names))
			}
		}
	}
}

// printName quotes a name if it can be one; the text before the first = of a
// mistyped option could be anything.
func printName(name string) string {
	if namePattern().MatchString(name) {
		return fmt.Sprintf("%q", name)
	}
	return "something that cannot be a variable's name"
}
