package lockfile

import (
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Want is what a declaration asks of the entry of one pack.
type Want struct {
	Short    bool   // a short name: which source it means is asked only when it is pinned
	Source   string // as Entry.Source; "" for a short name
	Subdir   string
	Selector pack.Selector
}

// Satisfies reports whether the entry is still what the declaration asks for,
// so that nothing has to be asked (design.md 4). If it is, textOnly tells that
// the declaration says so in other words, which the entry should repeat. If it
// is not, reason is a clause that says why.
func (e Entry) Satisfies(want Want) (ok, textOnly bool, reason string) {
	if reason := e.sameSource(want); reason != "" {
		return false, false, reason
	}
	if e.IsDir() {
		return true, false, ""
	}
	if reason := e.selectedAs(want.Selector); reason != "" {
		return false, false, reason
	}
	return true, e.Constraint != want.Selector || e.Index != "" && !want.Short, ""
}

// sameSource returns why the entry comes from elsewhere, "" if it does not.
func (e Entry) sameSource(want Want) string {
	switch {
	case want.Short && e.Index == "":
		return fmt.Sprintf("the source is looked up in the indexes, it was %s", e.Source)
	case !want.Short && e.Source != want.Source:
		return fmt.Sprintf("the source is %s, it was %s", want.Source, e.Source)
	case !want.Short && e.Index != "" && want.Selector.Kind == pack.SelectNone:
		// Without a selector a short name means the version of the index, a URL
		// the default branch.
		return "the default branch is wanted, it was the version that the index names"
	case e.Subdir != want.Subdir:
		return fmt.Sprintf("the sub-directory is %q, it was %q", want.Subdir, e.Subdir)
	}
	return ""
}

// selectedAs returns why the pin is not what the selector chooses, "" if it is.
// The pin itself is compared too, so that an edited entry cannot claim a tag,
// branch or commit that it does not hold.
func (e Entry) selectedAs(selector pack.Selector) string {
	if selector.Kind == pack.SelectVersion {
		return e.inConstraint(selector.Text)
	}
	if e.Constraint != selector {
		return fmt.Sprintf("selected by %s, it was %s", selector, e.Constraint)
	}
	var holds bool
	switch selector.Kind {
	case pack.SelectCommit:
		holds = string(e.Commit) == selector.Text
	case pack.SelectTag:
		holds = e.Ref == "refs/tags/"+selector.Text
	case pack.SelectBranch:
		holds = e.Ref == "refs/heads/"+selector.Text
	default:
		holds = true
	}
	if !holds {
		return fmt.Sprintf("the pin (%s %s) is not %s", e.Ref, e.Commit.Short(), selector)
	}
	return ""
}

func (e Entry) inConstraint(text string) string {
	constraint, err := pack.ParseConstraint(text)
	if err != nil {
		return err.Error()
	}
	tag, isTag := strings.CutPrefix(e.Ref, "refs/tags/")
	if !isTag {
		return fmt.Sprintf("a version is wanted (%s), the pin is no tag", text)
	}
	if !constraint.Matches(tag) {
		return fmt.Sprintf("the tag %s is not in %s (%s)", tag, text, constraint.Expanded())
	}
	return ""
}
