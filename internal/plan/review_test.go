package plan

import (
	"testing"

	"github.com/packsync/packsync/internal/pack"
)

// TestReviewed wants what a review found with the packs that change, and with no
// other; what is as harmful as FailOn and not accepted blocks.
func TestReviewed(t *testing.T) {
	side := func(ref, tree string) Side {
		return Side{BasePath: "default", Path: "/p/" + ref, Tree: pack.TreeHash(tree), Content: pack.TreeHash(tree), Modes: PlacedModes}
	}
	seen := func(ref, tree string) Seen {
		return Seen{Path: "/p/" + ref, Tree: pack.TreeHash(tree), Content: pack.TreeHash(tree), Modes: PlacedModes}
	}
	found := []pack.Finding{
		{ID: "PS-A", Severity: pack.Warning, Grade: pack.Breaking},
		{ID: "PS-B", Severity: pack.Warning, Grade: pack.Breaking, Accepted: "we know"},
		{ID: "PS-C", Severity: pack.Warning, Grade: pack.Caution},
		{ID: "PS-D", Severity: pack.Note, Grade: pack.Safe},
	}
	in := Input{
		AllowRemovals: -1, BasePaths: []BasePath{{"default", "/p"}},
		Packs: []Want{{Ref: "moves", Side: side("moves", "t2")}, {Ref: "stays", Side: side("stays", "t1")}},
		Recorded: map[pack.Ref]Recorded{
			"moves": {Side: side("moves", "t1")}, "stays": {Side: side("stays", "t1")}, "goes": {Side: side("goes", "t1")}, "lost": {Side: side("lost", "t1")},
		},
		Observed: map[pack.Addr]Seen{
			{BasePath: "default", Ref: "moves"}: seen("moves", "t1"), {BasePath: "default", Ref: "stays"}: seen("stays", "t1"), {BasePath: "default", Ref: "goes"}: seen("goes", "t1"),
		},
		Reviewed: map[pack.Ref][]pack.Finding{"moves": found, "stays": found, "goes": found, "lost": found},
	}
	for _, c := range []struct {
		failOn  pack.Grade
		blocked []string
	}{{"", nil}, {pack.Breaking, []string{"PS-A", "PS-A"}}, {pack.Caution, []string{"PS-A", "PS-C", "PS-A", "PS-C"}}} {
		in.FailOn = c.failOn
		p := Compute(in)
		for _, change := range p.Changes {
			want := len(found)
			if change.Action == Forget { // nothing is taken away
				want = 0
			}
			if len(change.Findings) != want {
				t.Errorf("%s of %s has %d findings, want %d", change.Action, change.Ref, len(change.Findings), want)
			}
		}
		var blocked []string
		for _, f := range p.Blocked() {
			blocked = append(blocked, f.ID)
		}
		if len(p.Changes) != 3 || len(blocked) != len(c.blocked) {
			t.Errorf("fail on %q: %d changes, blocked by %v, want %v", c.failOn, len(p.Changes), blocked, c.blocked)
		}
		if len(p.Findings) > 0 {
			t.Errorf("a pack that does not change has findings: %v", p.Findings)
		}
	}
	if found[0].Severity != pack.Warning {
		t.Error("the input was changed")
	}
	in.Target = []pack.Ref{"stays"}
	if blocked := Compute(in).Blocked(); len(blocked) > 0 {
		t.Errorf("changes that were left out block: %v", blocked)
	}
}
