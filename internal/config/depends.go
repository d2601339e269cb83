package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
)

// decodeDependsOn reads a list of references that are never evaluated: order must
// not depend on values.
func (l *loader) decodeDependsOn(attr *hclsyntax.Attribute) []need {
	if attr == nil {
		return nil
	}
	exprs, diags := hcl.ExprList(attr.Expr)
	if diags.HasErrors() {
		l.error(attr.Expr.Range(), "Invalid depends_on", "depends_on is a list of packs: depends_on = [pack.aws, pack.jira].")
		return nil
	}
	var needs []need
	for _, expr := range exprs {
		name, ok := packReference(expr)
		if !ok {
			l.error(expr.Range(), "Invalid depends_on", "An element of depends_on names a pack: pack.aws, without quotes.")
			continue
		}
		needs = append(needs, need{name: name, at: expr.Range()})
	}
	return needs
}

// packReference returns NAME of pack.NAME or pack["NAME"].
func packReference(expr hcl.Expression) (string, bool) {
	if traversal, diags := hcl.AbsTraversalForExpr(expr); !diags.HasErrors() {
		name := attributeName(traversal)
		return name, traversal.RootName() == "pack" && len(traversal) == 2 && name != ""
	}
	// pack["x"] in brackets is an index expression for the parser if x is a template.
	index, ok := expr.(*hclsyntax.IndexExpr)
	if !ok {
		return "", false
	}
	root, diags := hcl.AbsTraversalForExpr(index.Collection)
	key, more := index.Key.Value(nil)
	if diags.HasErrors() || more.HasErrors() || len(root) != 1 || root.RootName() != "pack" || key.Type() != cty.String || key.IsNull() {
		return "", false
	}
	return key.AsString(), true
}

// resolveDependencies turns names into refs; the name of a group means all its
// members. What is not declared, and circles, are reported.
func (l *loader) resolveDependencies(packs []declared) {
	byRef := map[string]int{}
	for i := range packs {
		byRef[string(packs[i].pack.Ref)] = i
	}
	names := slices.Concat(slices.Collect(maps.Keys(byRef)), slices.Collect(maps.Keys(l.groups)))
	for i := range packs {
		p := &packs[i].pack
		for _, need := range packs[i].needs {
			members, isGroup := l.groups[need.name]
			one, isPack := byRef[need.name]
			switch {
			case isGroup:
			case isPack:
				members = []int{one}
			default:
				l.error(need.at, "Unknown pack", "There is no pack %q.%s", need.name, didYouMean(need.name, names))
			}
			for _, member := range members {
				p.DependsOn = append(p.DependsOn, packs[member].pack.Ref)
			}
		}
		slices.Sort(p.DependsOn)
		p.DependsOn = slices.Compact(p.DependsOn)
	}
	l.reportCircles(packs, byRef)
}

// reportCircles reports each circle of dependencies once, at the pack that closes it.
func (l *loader) reportCircles(packs []declared, byRef map[string]int) {
	const (
		fresh = iota
		open
		done
	)
	state := make([]int, len(packs))
	var path []pack.Ref
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		path = append(path, packs[i].pack.Ref)
		for _, ref := range packs[i].pack.DependsOn {
			next := byRef[string(ref)]
			switch state[next] {
			case fresh:
				visit(next)
			case open:
				start := slices.Index(path, ref)
				l.error(needsPlace(packs[i]), "Circular dependency", "These packs wait for each other: %s.", joinRefs(append(slices.Clone(path[start:]), ref)))
			}
		}
		path = path[:len(path)-1]
		state[i] = done
	}
	for i := range packs {
		if state[i] == fresh {
			visit(i)
		}
	}
}

func needsPlace(d declared) diag.Range {
	if len(d.needs) == 0 {
		return d.pack.Range
	}
	return hcl.RangeBetween(d.needs[0].at, d.needs[len(d.needs)-1].at)
}

func joinRefs(refs []pack.Ref) string {
	words := make([]string, len(refs))
	for i, ref := range refs {
		words[i] = string(ref)
	}
	return strings.Join(words, " → ")
}
