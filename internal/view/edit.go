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

// Begun prints what a new declaration was made from, and what to do with it.
func Begun(w io.Writer, b *reconcile.Begun, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, Quote(fmt.Sprintf("Written: %s", b.File))))
	switch {
	case b.Root == "":
		p.wrapped(style, "  ", "There is no StackStorm at /opt/stackstorm on this host: set root, if it is elsewhere.")
	case b.Command == "":
		p.wrapped(style, "  ", fmt.Sprintf("StackStorm is at %s. How to tell it what changed is yet to be chosen: the file says how.", b.Root))
	default:
		p.wrapped(style, "  ", fmt.Sprintf("StackStorm is at %s, and is told what changed with %s.", b.Root, b.Command))
	}
	if b.Packs > 0 {
		p.printf("\nNext: packsync import    takes over what is installed already (%s)\n      packsync add PACK  declares another\n", plural(b.Packs, "pack", "packs"))
		return p.err
	}
	p.printf("\nNext: packsync add PACK  declares a pack (packsync search WORD finds one)\n      packsync plan      shows what would change\n")
	return p.err
}
