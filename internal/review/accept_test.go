package review_test

import (
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/review"
)

// TestAccepted wants an accept block to cover what it names and nothing else.
func TestAccepted(t *testing.T) {
	result := review.Result{Changes: map[pack.Ref][]review.Change{"tools": {
		{ID: "PS-PARAM-REMOVED", Grade: pack.Breaking, Kind: "action", Name: "build", Parameter: "repo"},
	}}}
	whole := review.Accept{ID: "PS-PARAM-REMOVED", Pack: "tools", Reason: "we know"}
	for _, c := range []struct {
		what   string
		change func(*review.Accept)
		covers bool
	}{
		{"all of the pack", func(*review.Accept) {}, true},
		{"the action, and with it its parameters", func(a *review.Accept) { a.Resource = "action build" }, true},
		{"the parameter", func(a *review.Accept) { a.Resource = "action build, parameter repo" }, true},
		{"another parameter", func(a *review.Accept) { a.Resource = "action build, parameter branch" }, false},
		{"an action whose name begins alike", func(a *review.Accept) { a.Resource = "action buil" }, false},
		{"another pack", func(a *review.Accept) { a.Pack = "ops" }, false},
		{"another finding", func(a *review.Accept) { a.ID = "PS-PARAM-REQUIRED" }, false},
	} {
		a := whole
		c.change(&a)
		f := result.Findings([]review.Accept{a})["tools"][0]
		if covers := f.Accepted == "we know"; covers != c.covers {
			t.Errorf("accepting %s covers it: %t, want %t", c.what, covers, c.covers)
		}
	}
}
