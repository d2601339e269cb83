package plan

import (
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// pin is what a lock entry fixes about a pack.
type pin struct {
	source, subdir string
	commit         pack.Commit
	tree           pack.TreeHash
}

func pinOf(s Side) pin { return pin{s.Source, s.Subdir, s.Commit, s.Tree} }

func pinMoved(before, after Side) string {
	switch {
	case before.Source != after.Source || before.Subdir != after.Subdir:
		return fmt.Sprintf("source changed: %s → %s", place(before), place(after))
	case before.Version != after.Version:
		return fmt.Sprintf("version %s → %s", describeVersion(before.Version), describeVersion(after.Version))
	case before.Commit != after.Commit:
		return fmt.Sprintf("commit %s → %s, the version stays %s", before.Commit.Short(), after.Commit.Short(), describeVersion(after.Version))
	default:
		return fmt.Sprintf("content %s → %s", before.Tree.Short(), after.Tree.Short())
	}
}

func place(s Side) string {
	if s.Subdir == "" {
		return s.Source
	}
	return s.Source + "//" + s.Subdir
}

func describeVersion(version string) string {
	if version == "" {
		return "(no version)"
	}
	return version
}

// few joins the first entries of a list and counts the rest.
func few(list []string) string {
	const most = 3
	switch {
	case len(list) == 0:
		return "content differs"
	case len(list) <= most:
		return strings.Join(list, ", ")
	default:
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
}

func keys(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return ": " + few(paths)
}

func wayOut(ref pack.Ref) string {
	return fmt.Sprintf("Either undo the edit, or bring it into the pack's repository and lock that, or set on_drift = \"repair\" in pack %q: the edited version then goes to pen/, where nothing is lost.", ref)
}

// why says why a pack is wanted.
func (w Want) why() string {
	if len(w.RequiredBy) == 0 {
		return "declared"
	}
	var names []string
	for _, ref := range w.RequiredBy {
		names = append(names, string(ref))
	}
	return "required by " + strings.Join(names, ", ")
}
