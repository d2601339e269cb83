package review_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/packsync/packsync/internal/review"
)

// TestEveryIDIsDocumented holds docs/findings.md against the ids: each has its
// section, with its grade, an example and a way out, and no section is left over.
func TestEveryIDIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?m)^### (PS-[A-Z-]+)\n\n\*\*[a-z, ]+\.\*\* .+\n\n\*Example\.\* .+\n\n\*Way out\.\* .+$`)
	var documented []string
	for _, m := range section.FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	want := append(review.IDs(), "PS-REVIEW-UNREAD") // of package reconcile
	for _, id := range want {
		if !slices.Contains(documented, id) {
			t.Errorf("docs/findings.md has no whole section about %s", id)
		}
	}
	for _, id := range documented {
		if !slices.Contains(want, id) {
			t.Errorf("docs/findings.md tells about %s, which does not exist", id)
		}
	}
}
