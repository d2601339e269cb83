package view

import (
	"fmt"
	"io"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
)

// Added prints what was written to declare packs, and what they are pinned to.
func Added(w io.Writer, r *reconcile.Added, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n\n", style.paint(bold, Quote("Added to "+r.File+":")))
	p.lines(style, "  ", Quote(r.Block))
	p.printf("\n%s\n", style.paint(bold, Quote(fmt.Sprintf("Pinned in %s:", r.LockFile))))
	if p.err == nil {
		p.err = LockChanges(w, r.Changes, style)
	}
	findings := map[pack.Ref][]pack.Finding{}
	p.printf("\n")
	for _, one := range r.Packs {
		if one.Why != "" {
			p.wrapped(style, "  ", string(one.Ref)+": "+one.Why)
		}
		if len(one.Findings) > 0 {
			findings[one.Ref] = one.Findings
		}
	}
	if p.err == nil {
		p.err = Findings(w, findings, style)
	}
	p.printf("\nNext: packsync plan\n")
	return p.err
}

// Removed prints what was taken out of the declaration and of the lock.
func Removed(w io.Writer, r *reconcile.Removed, style Style) error {
	p := &printer{w: w}
	for _, one := range r.Packs {
		p.printf("%s\n", style.paint(bold, Quote(fmt.Sprintf("Taken out: %s, which stood at %s.", one.Ref, one.DeclaredAt))))
	}
	if len(r.Changes) > 0 {
		p.printf("\n%s\n", style.paint(bold, Quote(fmt.Sprintf("In %s:", r.LockFile))))
		if p.err == nil {
			p.err = LockChanges(w, r.Changes, style)
		}
	}
	for _, one := range r.Packs {
		if len(one.RequiredBy) > 0 {
			p.printf("\n")
			p.wrapped(style, "", fmt.Sprintf("%s stays, because %s requires it: in the default base path and without a config, as what nobody declares.", one.Ref, Refs(one.RequiredBy)))
		}
	}
	p.printf("\nNext: packsync plan. What is installed stays until packsync apply removes it.\n")
	return p.err
}
