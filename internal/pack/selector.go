package pack

// SelectorKind tells how a pack block chooses its commit.
type SelectorKind string

// The ways to choose. SelectNone means: for a short name the version that the
// index names, for a URL the default branch, for a directory nothing.
const (
	SelectNone     SelectorKind = ""
	SelectVersion  SelectorKind = "version"  // a constraint matched against tags
	SelectBranch   SelectorKind = "branch"   // the tip of one branch
	SelectTag      SelectorKind = "tag"      // one tag
	SelectCommit   SelectorKind = "commit"   // one full commit id
	SelectRevision SelectorKind = "revision" // as `st2 pack install name=revision` (reference.md 3.4)
)

// Selector is the kind and the text that a user wrote, e.g. version "~> 1.2".
type Selector struct {
	Kind SelectorKind
	Text string
}

func (s Selector) String() string {
	if s.Kind == SelectNone {
		return "(none)"
	}
	return string(s.Kind) + " " + s.Text
}
