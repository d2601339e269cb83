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
