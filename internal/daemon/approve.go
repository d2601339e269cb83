package daemon

import (
	"fmt"
	"slices"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/plan"
)

// refusal says why a plan may not be carried out unattended; "" lets it. A plan
// is carried out whole or not at all: half of what somebody reviewed is something
// that nobody reviewed.
func refusal(p *plan.Plan, flag bool, limit *config.AutoApprove) string {
	if limit == nil {
		if flag {
			return ""
		}
		return "nobody approved it: watch was started without --auto-approve, and the declaration has no auto_approve block"
	}
	for _, c := range p.Changes {
		if len(limit.Actions) > 0 && !slices.Contains(limit.Actions, string(c.Action)) {
			return fmt.Sprintf("it would %s %s, and auto_approve does not name %q among its actions", c.Action, c.Ref, c.Action)
		}
	}
	for _, c := range p.Changes {
		for _, f := range c.Findings {
			if f.Accepted == "" && f.Grade.AtLeast(limit.FailOn) {
				return fmt.Sprintf("a change of %s is %s, and auto_approve has fail_on = %q: %s", c.Ref, f.Grade, limit.FailOn, f.Message)
			}
		}
	}
	if n := len(p.Removals()); n > limit.MaxRemovals {
		return fmt.Sprintf("it would remove %d, and auto_approve allows %d (max_removals)", n, limit.MaxRemovals)
	}
	return ""
}
