package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/packsync/packsync/internal/pack"
)

// order puts changes into the order of execution: a pack after what it depends
// on and after those whose trigger types its rules use, else by ref; removals
// last, and among them a pack before what it depended on.
func order(in Input, changes []Change) []Change {
	depends := map[pack.Ref][]pack.Ref{}
	for ref, recorded := range in.Recorded {
		depends[ref] = recorded.DependsOn
	}
	for _, want := range in.Packs {
		depends[want.Ref] = want.DependsOn
	}
	addUses(depends, in.Uses)
	rank := ranks(depends)
	slices.SortStableFunc(changes, func(a, b Change) int {
		aGoes, bGoes := goes(a), goes(b)
		if aGoes != bGoes {
			return cmp.Compare(aGoes, bGoes)
		}
		byRank := cmp.Compare(rank[a.Ref], rank[b.Ref])
		if aGoes == 1 {
			byRank = -byRank
		}
		return cmp.Or(byRank, cmp.Compare(a.Ref, b.Ref))
	})
	return changes
}

// addUses adds the order in which StackStorm can register: a rule is refused while
// its trigger type is not there. What was declared comes first where both form a
// circle.
func addUses(depends, uses map[pack.Ref][]pack.Ref) {
	var reaches func(from, to pack.Ref, seen map[pack.Ref]bool) bool
	reaches = func(from, to pack.Ref, seen map[pack.Ref]bool) bool {
		if from == to {
			return true
		}
		if seen[from] {
			return false
		}
		seen[from] = true
		return slices.ContainsFunc(depends[from], func(on pack.Ref) bool { return reaches(on, to, seen) })
	}
	for _, ref := range slices.Sorted(maps.Keys(uses)) {
		for _, on := range uses[ref] {
			if !reaches(on, ref, map[pack.Ref]bool{}) {
				depends[ref] = append(slices.Clone(depends[ref]), on)
			}
		}
	}
}

func goes(c Change) int {
	if c.Action == Remove || c.Action == Forget {
		return 1
	}
	return 0
}

// ranks gives every pack a number greater than those of the packs it depends on.
// Packs in a cycle (config refuses those) get equal treatment instead of a hang.
func ranks(depends map[pack.Ref][]pack.Ref) map[pack.Ref]int {
	rank := map[pack.Ref]int{}
	var visit func(ref pack.Ref, open map[pack.Ref]bool) int
	visit = func(ref pack.Ref, open map[pack.Ref]bool) int {
		if r, done := rank[ref]; done || open[ref] {
			return r
		}
		open[ref] = true
		r := 0
		for _, on := range depends[ref] {
			r = max(r, visit(on, open)+1)
		}
		delete(open, ref)
		rank[ref] = r
		return r
	}
	for ref := range depends {
		visit(ref, map[pack.Ref]bool{})
	}
	return rank
}

// narrow keeps the changes that --target and --exclude choose: the chosen packs
// and what they depend on, never removals of others.
func narrow(in Input, changes []Change) []Change {
	if len(in.Target) == 0 && len(in.Exclude) == 0 {
		return changes
	}
	depends := map[pack.Ref][]pack.Ref{}
	for _, want := range in.Packs {
		depends[want.Ref] = want.DependsOn
	}
	chosen := map[pack.Ref]bool{}
	var choose func(pack.Ref)
	choose = func(ref pack.Ref) {
		if !chosen[ref] {
			chosen[ref] = true
			for _, on := range depends[ref] {
				choose(on)
			}
		}
	}
	if len(in.Target) == 0 {
		for _, c := range changes {
			if !slices.Contains(in.Exclude, c.Ref) {
				choose(c.Ref)
			}
		}
	}
	for _, ref := range in.Target {
		choose(ref)
	}
	return slices.DeleteFunc(changes, func(c Change) bool {
		return !chosen[c.Ref] || slices.Contains(in.Exclude, c.Ref)
	})
}

// The removal guard (design.md 6): more than this many removals, or this share
// of the managed packs, must be allowed by their exact number.
const (
	guardCount = 10
	guardShare = 0.30
)

// guard blocks removals that look like a mistake: a wrong directory, a template
// that rendered empty, an unreadable list.
func guard(in Input, p *Plan) []pack.Finding {
	if in.Destroy {
		return nil
	}
	removals := p.Summary[Remove]
	managed := len(in.Recorded)
	kept := false
	for _, want := range in.Packs {
		if _, ok := in.Recorded[want.Ref]; ok {
			kept = true
		}
	}
	var why string
	switch {
	case removals == 0 || in.AllowRemovals == removals:
		return nil
	case in.AllowRemovals >= 0:
		why = fmt.Sprintf("--allow-removals=%d does not match", in.AllowRemovals)
	case len(in.Packs) == 0:
		why = "the declaration names no pack at all"
	case !kept && managed > 0:
		why = "not one of the managed packs is declared any more"
	case float64(removals) > max(guardCount, guardShare*float64(managed)):
		why = fmt.Sprintf("that is more than %d and more than 30 %% of the %d managed packs", guardCount, managed)
	default:
		return nil
	}
	return []pack.Finding{{
		ID: "PS-REMOVAL-GUARD", Severity: pack.Blocked,
		Message: fmt.Sprintf("the plan removes %d of %d managed packs, and %s. If that is what you want, allow exactly this number: --allow-removals=%d", removals, managed, why, removals),
	}}
}

// InOrder sorts packs as a plan orders them: a pack after those it depends on, else
// by ref.
func InOrder(refs []pack.Ref, depends map[pack.Ref][]pack.Ref) []pack.Ref {
	rank := ranks(depends)
	return slices.SortedFunc(slices.Values(refs), func(a, b pack.Ref) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(a, b))
	})
}
