package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

func TestRefusal(t *testing.T) {
	changes := func(actions ...plan.Action) *plan.Plan {
		p := &plan.Plan{}
		for i, a := range actions {
			p.Changes = append(p.Changes, plan.Change{Ref: pack.Ref(fmt.Sprintf("p%d", i)), Action: a})
		}
		return p
	}
	limit := func(removals int, actions ...string) *config.AutoApprove {
		return &config.AutoApprove{Actions: actions, MaxRemovals: removals}
	}
	graded := func(grade pack.Grade, accepted string) *plan.Plan {
		p := changes(plan.Update)
		p.Changes[0].Findings = []pack.Finding{{ID: "PS-X", Grade: grade, Accepted: accepted, Message: "an action is gone"}}
		return p
	}
	wary := func(grade pack.Grade) *config.AutoApprove { return &config.AutoApprove{FailOn: grade} }
	for _, c := range []struct {
		name  string
		plan  *plan.Plan
		flag  bool
		limit *config.AutoApprove
		want  string // part of the reason; "" lets it
	}{
		{"nobody approved anything", changes(plan.Install), false, nil, "without --auto-approve"},
		{"only the lock would change, and nobody approved that", &plan.Plan{LockChanges: []plan.LockChange{{Ref: "p"}}}, false, nil, "without --auto-approve"},
		{"the flag lets everything", changes(plan.Remove, plan.Remove, plan.Install), true, nil, ""},
		{"an empty block lets everything but removals", changes(plan.Install, plan.Update, plan.Repair), false, limit(0), ""},
		{"an empty block lets no removal", changes(plan.Install, plan.Remove), false, limit(0), "would remove 1, and auto_approve allows 0"},
		{"as many removals as allowed", changes(plan.Remove, plan.Remove), false, limit(2), ""},
		{"one more than allowed", changes(plan.Remove, plan.Remove, plan.Remove), false, limit(2), "would remove 3"},
		{"an action that is named", changes(plan.Update), false, limit(0, "update"), ""},
		{"one that is not", changes(plan.Update, plan.Install), false, limit(0, "update"), "would install p1"},
		{"removals count even where they are named", changes(plan.Remove), false, limit(0, "remove"), "would remove 1"},
		{"the flag does not lift the limit", changes(plan.Remove), true, limit(0), "would remove 1"},
		{"what breaks waits", graded(pack.Breaking, ""), false, wary(pack.Breaking), "an action is gone"},
		{"what breaks waits where caution is enough", graded(pack.Breaking, ""), false, wary(pack.Caution), "is breaking"},
		{"caution does not wait for breaking", graded(pack.Caution, ""), false, wary(pack.Breaking), ""},
		{"caution waits", graded(pack.Caution, ""), true, wary(pack.Caution), "is caution"},
		{"what was accepted does not wait", graded(pack.Breaking, "agreed"), false, wary(pack.Breaking), ""},
		{"nobody asked about grades", graded(pack.Breaking, ""), false, limit(0), ""},
		{"what has no grade does not wait", graded("", ""), false, wary(pack.Caution), ""},
		{"only the lock changes, within the limit", &plan.Plan{LockChanges: []plan.LockChange{{Ref: "p"}}}, false, limit(0, "update"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := refusal(c.plan, c.flag, c.limit)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("refusal is %q, want %q", got, c.want)
			}
		})
	}
}

// TestTheBlockKnowsEveryAction: an action that auto_approve could not name would
// never happen unattended.
func TestTheBlockKnowsEveryAction(t *testing.T) {
	for _, a := range plan.Actions() {
		src := fmt.Sprintf("auto_approve { actions = [%q] }\n", a)
		_, _, diags := config.LoadFS(files{"packs.hcl": src}.fs(), "/d", config.Request{File: "/d/packs.hcl"})
		if diags.HasErrors() != (a == plan.NoOp) {
			t.Errorf("%s: %v", a, diags)
		}
	}
	if !slices.Contains(plan.Actions(), plan.NoOp) {
		t.Error("there is no NoOp any more")
	}
}
