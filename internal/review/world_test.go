package review_test

import (
	"testing"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/review"
)

// TestUnreadIsNotEmpty wants nothing to be said about a pack that could not be
// read, and no reference to it to lead nowhere.
func TestUnreadIsNotEmpty(t *testing.T) {
	ops := &content.Inventory{Rules: []content.Rule{{Name: "nightly", Action: "tools.build"}}}
	result := review.Review(review.World{Complete: true, Packs: []review.Pack{{Ref: "tools", Unread: true}, {Ref: "ops", Before: ops, After: ops}}})
	if len(result.Changes) > 0 || len(result.Dangling) > 0 {
		t.Errorf("an unread pack counts as empty: %v, %v", result.Changes, result.Dangling)
	}
	result = review.Review(review.World{Complete: true, Packs: []review.Pack{{Ref: "ops", Before: ops, After: ops}}})
	if len(result.Dangling) != 1 {
		t.Errorf("a pack that is not there counts as unread")
	}
}
