package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
)

// Accept is an accept block: somebody looked at what a plan found and vouches for
// it.
type Accept struct {
	ID       string
	Pack     pack.Ref
	Resource string    // "action build" takes its parameters with it; "" for all of the pack
	Reason   string    // never empty
	Until    time.Time // the first moment at which it does not count any more; zero for never
	Range    hcl.Range
}

// findingID is how ids of findings look.
var findingID = lazyregexp.New(`\APS(?:-[A-Z0-9]+)+\z`)

func (l *loader) decodeAccepts() {
	for _, inner := range l.blocks["accept"] {
		a := Accept{ID: inner.Labels[0], Range: inner.DefRange()}
		if !findingID().MatchString(a.ID) {
			l.error(inner.LabelRanges[0], "Invalid finding", "The label of an accept block is the id of a finding as the plan shows it, for example accept \"PS-ACTION-REMOVED\" { … }.")
			continue
		}
		b := block{l: l, body: inner.Body, scope: l.scope, what: "accept block"}
		a.Resource, _ = b.text("resource", textNonEmpty|textKnown)
		a.Reason, _ = b.text("reason", textNonEmpty)
		if text, ok := b.text("pack", textNonEmpty|textKnown); ok {
			ref, err := pack.ParseRef(text)
			if err != nil {
				l.error(inner.Body.Attributes["pack"].Expr.Range(), "Invalid pack", "%s.", capital(err.Error()))
				continue
			}
			a.Pack = ref
		}
		if text, ok := b.text("until", textNonEmpty|textKnown); ok {
			day, err := time.Parse(time.DateOnly, text)
			if err != nil {
				l.error(inner.Body.Attributes["until"].Expr.Range(), "Invalid date", "until is the last day on which this is accepted, in UTC, written as YYYY-MM-DD, for example \"2027-01-31\".")
				continue
			}
			a.Until = day.AddDate(0, 0, 1)
		}
		l.cfg.Accepts = append(l.cfg.Accepts, a)
	}
}
