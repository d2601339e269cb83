package config

import (
	"math/big"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/packsync/packsync/internal/pack"
)

// AutoApprove is the auto_approve block: what watch may carry out with nobody
// there to confirm it.
type AutoApprove struct {
	// Actions that may happen, in the words of the plan; empty means all of them.
	Actions []string
	// MaxRemovals is how many packs one plan may remove.
	MaxRemovals int
	// FailOn is the least harmful change of content that waits for a person; "" for
	// none.
	FailOn pack.Grade
}

// approvable are the actions of a plan (package plan has them in its words).
var approvable = []string{"install", "adopt", "move", "update", "repair", "configure", "register", "remove", "forget"}

const maxRemovals = 10_000

func (l *loader) decodeAutoApprove() {
	b, declared := l.single("auto_approve")
	if !declared {
		return
	}
	approve := &AutoApprove{Actions: b.texts("actions")}
	for _, action := range approve.Actions {
		if !slices.Contains(approvable, action) {
			l.error(b.body.Attributes["actions"].Expr.Range(), "Unknown action", "%q is no action of a plan. actions takes some of %s.%s",
				action, strings.Join(approvable, ", "), didYouMean(action, approvable))
		}
	}
	approve.MaxRemovals = b.wholeNumber("max_removals", maxRemovals)
	if approve.MaxRemovals > 0 && len(approve.Actions) > 0 && !slices.Contains(approve.Actions, "remove") {
		l.error(b.body.Attributes["max_removals"].Expr.Range(), "Conflicting arguments",
			"max_removals allows removals, but \"remove\" is not among the actions. Add it there, or leave max_removals out.")
	}
	if text, ok := b.text("fail_on", textNonEmpty); ok {
		approve.FailOn = pack.Grade(text)
		if approve.FailOn != pack.Breaking && approve.FailOn != pack.Caution {
			l.error(b.body.Attributes["fail_on"].Expr.Range(), "Unknown grade", "fail_on is \"breaking\", or \"caution\" to let only what is safe happen unattended, not %q.", text)
		}
	}
	l.cfg.AutoApprove = approve
}

// wholeNumber reads a number from 0 to most; 0 if there is none.
func (b block) wholeNumber(name string, most int64) int {
	attr, v, ok := b.value(name)
	if !ok || !v.IsKnown() {
		return 0
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject(name))
		return 0
	}
	if number, err := convert.Convert(v, cty.Number); err == nil {
		if n, accuracy := number.AsBigFloat().Int64(); accuracy == big.Exact && n >= 0 && n <= most {
			return int(n)
		}
	}
	b.l.error(at, "Invalid number", "%s must be a whole number from 0 to %d.", b.subject(name), most)
	return 0
}
