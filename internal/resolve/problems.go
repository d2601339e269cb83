package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// noVersionError: no tag satisfies a constraint.
type noVersionError struct {
	source     pack.Source
	constraint pack.Constraint
	refs       *source.Refs
}

func (e *noVersionError) Error() string {
	return fmt.Sprintf("no tag of %s satisfies version %q, which is %s", e.source.URL, e.constraint, e.constraint.Expanded())
}

// unknownRefError: a tag or branch that the repository does not have.
type unknownRefError struct {
	source   pack.Source
	selector pack.Selector
	refs     *source.Refs
}

func (e *unknownRefError) Error() string {
	return fmt.Sprintf("%s has no %s %q", e.source.URL, e.selector.Kind, e.selector.Text)
}

// emptyRepositoryError: there is no default branch to take.
type emptyRepositoryError struct {
	source pack.Source
	refs   *source.Refs
}

func (e *emptyRepositoryError) Error() string {
	return e.source.URL + " has no default branch with a commit"
}

// noIndexVersionError: the index names no version, or one that has no tag.
type noIndexVersionError struct {
	found index.Found
	refs  *source.Refs
}

func (e *noIndexVersionError) Error() string {
	if e.found.Version == "" {
		return fmt.Sprintf("the index %s names no version of %q", e.found.IndexURL, e.found.Name)
	}
	return fmt.Sprintf("the index %s names version %s of %q, but %s has neither a tag v%s nor %s",
		e.found.IndexURL, printable(e.found.Version), e.found.Name, printable(e.found.RepoURL), printable(e.found.Version), printable(e.found.Version))
}

// badIndexSourceError: an index sends us to an address that cannot be used.
type badIndexSourceError struct {
	found index.Found
	err   error
}

func (e *badIndexSourceError) Error() string {
	return fmt.Sprintf("the index %s names an unusable repository for %q: %v", e.found.IndexURL, e.found.Name, e.err)
}

func (e *badIndexSourceError) Unwrap() error { return e.err }

// movedTagError: a tag names another commit than when it was locked.
type movedTagError struct {
	ref    pack.Ref
	chosen choice
	old    pack.Commit
}

func (e *movedTagError) Error() string {
	return fmt.Sprintf("the tag %s of %s was moved from commit %s to %s",
		strings.TrimPrefix(e.chosen.ref, "refs/tags/"), e.chosen.source.URL, e.old, e.chosen.commit)
}

// badTreeError: the files of a commit, or of a directory, are not an acceptable
// pack.
type badTreeError struct {
	commit pack.Commit // "" for a directory
	err    error
}

func (e *badTreeError) Error() string {
	if e.commit == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("commit %s: %v", e.commit, e.err)
}

func (e *badTreeError) Unwrap() error { return e.err }

// otherPackError: the source holds another pack than was declared.
type otherPackError struct {
	declared, found pack.Ref
	commit          pack.Commit
}

func (e *otherPackError) Error() string {
	return fmt.Sprintf("the pack is declared as %q, but its pack.yaml says that it is %q", e.declared, e.found)
}

// problem describes to the user why a pack has no pin, at the place of the
// declaration that has to change.
func problem(p *config.Pack, err error) *diag.Diagnostic {
	d := describe(p, err)
	if unusable(err) {
		d.Extra = misfit{[]pack.Ref{p.Ref}}
	}
	return d
}

func describe(p *config.Pack, err error) *diag.Diagnostic {
	var (
		noVersion   *noVersionError
		unknownRef  *unknownRefError
		empty       *emptyRepositoryError
		noIndexed   *noIndexVersionError
		badIndexed  *badIndexSourceError
		moved       *movedTagError
		precise     *preciseError
		astray      *astrayError
		other       *otherPackError
		badTree     *badTreeError
		refused     *tree.RefusedError
		noSubdir    *tree.NoSubdirError
		unknown     *index.UnknownError
		missing     *index.MissingError
		revision    *source.UnknownRevisionError
		gone        *source.CommitGoneError
		unreachable *source.UnreachableError
	)
	at := func(places ...diag.Range) diag.Range { return place(p, places...) }
	detail := func(format string, args ...any) string {
		return fmt.Sprintf("Pack %s: %v. ", p.Ref, err) + fmt.Sprintf(format, args...)
	}
	switch {
	case errors.As(err, &noVersion):
		return diag.Error(at(p.SelectorRange), "No version satisfies the constraint", detail("%s%s", preReleases(noVersion), newest(noVersion.refs.Tags)))
	case errors.As(err, &unknownRef):
		return unknownRefProblem(at(p.SelectorRange), unknownRef, detail)
	case errors.As(err, &empty):
		return diag.Error(at(p.SourceRange), "Repository without a default branch", detail("Choose with branch, tag or version. %s", newest(empty.refs.Tags)))
	case errors.As(err, &noIndexed):
		return diag.Error(at(p.SourceRange), "Version of the index has no tag", detail("%s Choose with version, tag or branch.", newest(noIndexed.refs.Tags)))
	case errors.As(err, &badIndexed):
		return diag.Error(at(p.SourceRange), "Unusable source in an index", detail("Declare the source yourself, or tell whoever runs the index."))
	case errors.As(err, &moved):
		return diag.Error(at(p.SelectorRange), "A locked tag was moved", detail(
			"Tags do not move in the ordinary course of things: this is an alarm. Ask the maintainers of the pack, and look at what changed between the two commits. The lock keeps %s; if the new commit is right, run packsync update --accept-moved-tag %s.",
			moved.old.Short(), p.Ref))
	case errors.As(err, &precise):
		return diag.Error(at(p.SelectorRange), "Revision does not satisfy the declaration", detail("Change the declaration first, or name a revision that it allows."))
	case errors.As(err, &astray):
		return diag.Error(at(p.SelectorRange), "Commit is not reachable", detail(
			"Either it was pushed away, or it never was part of the repository: a server also gives out the commits of forks, which anybody can make. Look at it before you trust it; if it is right, run packsync update --allow-unreachable %s.", p.Ref))
	case errors.As(err, &other):
		return diag.Error(p.Range, "Source holds another pack", detail(
			"Rename the block to pack %q, or point source or subdir at the pack %q.", other.found, other.declared))
	case errors.As(err, &noSubdir):
		return diag.Error(at(p.SourceRange), "Unknown sub-directory", detail("Correct subdir, or choose a version that has it."))
	case errors.As(err, &badTree), errors.As(err, &refused):
		return diag.Error(at(p.SourceRange), "Pack cannot be accepted", detail("Nothing of it was written. Mend it at its source, or choose another version."))
	case errors.As(err, &unknown):
		return diag.Error(at(p.SourceRange), "Unknown pack", detail("%s", unknownAdvice(unknown)))
	case errors.As(err, &missing):
		return diag.Error(at(p.SourceRange), "Index cannot be read", detail(
			"An index that comes later may not answer in its place: the missing one might name another repository. Make it reachable, or declare the source of the pack. Packs that are locked are not affected.%s", offlineAdvice(err)))
	case errors.As(err, &revision):
		return diag.Error(at(p.SelectorRange), "Unknown revision", detail("%s", knownRevisions(revision)))
	case errors.As(err, &gone):
		return diag.Error(at(p.SelectorRange), "Commit is gone", detail("It was removed from the repository, or it never was there. Choose another with branch, tag or version.%s", offlineAdvice(err)))
	case errors.As(err, &unreachable):
		return diag.Error(at(p.SourceRange), "Source cannot be reached", detail("%s%s", sentence(unreachable.Hint), offlineAdvice(err)))
	}
	return diag.Error(at(p.SourceRange, p.SelectorRange), "Pack cannot be resolved", detail("Nothing was changed.%s", offlineAdvice(err)))
}

// place returns the first place that the declaration has, else its header: an
// attribute that is not written has none.
func place(p *config.Pack, places ...diag.Range) diag.Range {
	for _, at := range places {
		if at.Filename != "" {
			return at
		}
	}
	return p.Range
}

func unknownRefProblem(at diag.Range, e *unknownRefError, detail func(string, ...any) string) *diag.Diagnostic {
	if e.selector.Kind == pack.SelectBranch {
		advice := didYouMean(e.selector.Text, e.refs.Branches)
		if _, isTag := e.refs.Tags[e.selector.Text]; isTag {
			advice = fmt.Sprintf("There is a tag of this name: write tag = %q. ", e.selector.Text)
		}
		branches := make([]string, 0, len(e.refs.Branches))
		for name := range e.refs.Branches {
			branches = append(branches, name)
		}
		slices.Sort(branches)
		return diag.Error(at, "Unknown branch", detail("%sIts branches are %s.", advice, few(branches)))
	}
	advice := didYouMean(e.selector.Text, e.refs.Tags)
	if _, isBranch := e.refs.Branches[e.selector.Text]; isBranch {
		advice = fmt.Sprintf("There is a branch of this name: write branch = %q. ", e.selector.Text)
	}
	return diag.Error(at, "Unknown tag", detail("%s%s", advice, newest(e.refs.Tags)))
}

// preReleases says so if a constraint takes a release of which there are only
// pre-releases: they are chosen by name only, which surprises people.
func preReleases(e *noVersionError) string {
	var names []string
	for _, tv := range versionsOf(e.refs.Tags) {
		if tv.version.Prerelease() == "" {
			continue
		}
		if release, err := tv.version.SetPrerelease(""); err == nil && e.constraint.MatchesVersion(&release) {
			names = append(names, tv.tag)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Pre-releases are only chosen if the constraint names one, as for " + few(names) + ". "
}

func unknownAdvice(e *index.UnknownError) string {
	if len(e.Indexes) == 0 {
		return `Declare an index, for example: index "exchange" { url = "https://index.stackstorm.org/v1/index.json" }; or give the pack a source.`
	}
	return "Correct the name, give the pack a source, or declare an index that has it."
}

func knownRevisions(e *source.UnknownRevisionError) string {
	if len(e.Known) == 0 {
		return "It has no branches and no tags."
	}
	return "It has " + few(e.Known) + "."
}

func offlineAdvice(err error) string {
	if errors.Is(err, source.ErrOffline) {
		return " Run without --offline to pin what the lock lacks."
	}
	return ""
}

// sentence makes a hint a sentence of a message.
func sentence(hint string) string {
	if hint == "" {
		return "Check the address, the network and the credentials of that host."
	}
	return strings.ToUpper(hint[:1]) + strings.TrimSuffix(hint[1:], ".") + "."
}

func printable(text string) string { return lockfile.Quote(text, maxText) }

func interrupted(ctx context.Context) *diag.Diagnostic {
	return diag.Error(diag.Range{}, "Interrupted", fmt.Sprintf("Resolving was interrupted (%v). Nothing was changed.", context.Cause(ctx)))
}

func unknownPack(ref pack.Ref, names []string) *diag.Diagnostic {
	advice := "Declare it, or leave it out."
	if near := nearest.Names(string(ref), names); len(near) > 0 {
		advice = fmt.Sprintf("Did you mean %q?", near[0])
	}
	return diag.Error(diag.Range{}, "Unknown pack", fmt.Sprintf("There is no pack %q to update: it is not declared. %s", ref, advice))
}

func indexWarning(p index.Problem) *diag.Diagnostic {
	return diag.Warning(diag.Range{}, "Index is not as it should be", fmt.Sprintf("The %v.", p))
}

// sortByPlace brings the problems into the order in which the packs are declared.
func sortByPlace(diags diag.List) {
	slices.SortStableFunc(diags, func(a, b *diag.Diagnostic) int {
		at, bt := diag.Range{}, diag.Range{}
		if a.Subject != nil {
			at = *a.Subject
		}
		if b.Subject != nil {
			bt = *b.Subject
		}
		return cmp.Or(cmp.Compare(at.Filename, bt.Filename), cmp.Compare(at.Start.Byte, bt.Start.Byte), cmp.Compare(a.Detail, b.Detail))
	})
}
