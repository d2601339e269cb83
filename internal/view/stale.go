package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

// fewStale is how many stale objects of one kind and fate are shown without
// --verbose.
const fewStale = 8

// stale prints what StackStorm loses, or keeps, of older versions of a pack: one
// line an object, what goes before what stays.
func (p *printer) stale(c plan.Change, style Style, indent string) {
	if len(c.Stale) == 0 {
		return
	}
	acts := len(c.Purges())
	switch {
	case acts == 0:
		p.wrapped(style, indent, "StackStorm keeps what older versions registered and this one lacks:")
	case c.Do.Unload:
		p.wrapped(style, indent, "which clears from StackStorm what older versions registered and this one lacks:")
	case len(c.Do.Register) > 0:
		p.wrapped(style, indent, "then StackStorm loses what older versions registered and this one lacks:")
	default:
		p.wrapped(style, indent, "StackStorm loses what older versions registered and this one lacks:")
	}
	stale := slices.Clone(c.Stale)
	slices.SortStableFunc(stale, func(a, b plan.Stale) int { return staleRank(a) - staleRank(b) })
	for i := 0; i < len(stale); {
		alike := i
		for alike < len(stale) && stale[alike].Do == stale[i].Do && stale[alike].Kind == stale[i].Kind {
			alike++
		}
		shown := alike
		if alike-i > fewStale+1 && !style.Verbose {
			shown = i + fewStale
		}
		for _, s := range stale[i:shown] {
			text := s.String()
			if s.Why != "" {
				text += ": " + s.Why
			}
			p.wrapped(style, indent+"  "+fateWord(s.Do, style)+" ", text)
		}
		if rest := alike - shown; rest > 0 {
			p.printf("%s  %s and %d more %s (--verbose shows all)\n", indent, fateWord(stale[i].Do, style), rest, manyOf(stale[i].Kind))
		}
		i = alike
	}
}

func staleRank(s plan.Stale) int {
	if s.Acts() {
		return 0
	}
	return 1
}

func fateWord(f plan.Fate, style Style) string {
	code := faint
	switch f {
	case plan.Delete, plan.Clear:
		code = red
	case plan.Disable:
		code = yellow
	case plan.Keep, plan.Owned:
	}
	return style.paint(code, pad(string(f), len(plan.Disable)))
}

func manyOf(kind string) string {
	switch kind {
	case pack.KindAlias:
		return "aliases"
	case pack.KindPolicy:
		return "policies"
	}
	return kind + "s"
}

// countObjects counts by kind: "3 actions and 1 rule".
func countObjects(objects []pack.Object) string {
	counts := map[string]int{}
	for _, o := range objects {
		counts[o.Kind]++
	}
	var parts []string
	for _, kind := range []string{pack.KindAction, pack.KindRule, pack.KindSensor, pack.KindTrigger, pack.KindAlias, pack.KindPolicy} {
		if n := counts[kind]; n > 0 {
			parts = append(parts, plural(n, kind, manyOf(kind)))
		}
	}
	if n := len(parts); n > 1 {
		parts = append(parts[:n-2], parts[n-2]+" and "+parts[n-1])
	}
	return strings.Join(parts, ", ")
}

// purgeSentence says what a plan has StackStorm lose, "" for nothing.
func purgeSentence(p *plan.Plan) string {
	var gone, off []pack.Object
	for _, c := range p.Changes {
		for _, s := range c.Purges() {
			if s.Do == plan.Disable {
				off = append(off, s.Object)
			} else {
				gone = append(gone, s.Object)
			}
		}
	}
	return lost(gone, off, "StackStorm loses %s.", "%s to disable.")
}

// lost joins what is deleted and what is disabled.
func lost(gone, off []pack.Object, goneText, offText string) string {
	var parts []string
	if len(gone) > 0 {
		parts = append(parts, fmt.Sprintf(goneText, countObjects(gone)))
	}
	if len(off) > 0 {
		parts = append(parts, fmt.Sprintf(offText, countObjects(off)))
	}
	return strings.Join(parts, " ")
}
