package resolve

import (
	"context"
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
)

// preciseError: the declaration does not allow the revision that was named.
type preciseError struct {
	revision string
	commit   pack.Commit
	why      string
}

func (e *preciseError) Error() string {
	return fmt.Sprintf("the revision %s (commit %s) %s", printable(e.revision), e.commit.Short(), e.why)
}

// astrayError: the repository gives out a commit that nothing it names leads to.
type astrayError struct {
	ref    pack.Ref
	chosen choice
}

func (e *astrayError) Error() string {
	if e.chosen.ref == "" {
		return fmt.Sprintf("no branch or tag of %s leads to commit %s", e.chosen.source.URL, e.chosen.commit)
	}
	return fmt.Sprintf("%s of %s does not lead to commit %s", e.chosen.ref, e.chosen.source.URL, e.chosen.commit)
}

// precise chooses the revision that a user named instead of the newest, as far
// as the declaration allows it: a lock that does not satisfy its declaration would
// be undone by the next run.
func (r *resolver) precise(ctx context.Context, remote source.Remote, c choice, selector pack.Selector, revision string) (choice, error) {
	meant, err := remote.Resolve(ctx, revision)
	if err != nil {
		return c, err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		return c, err
	}
	refuse := func(format string, args ...any) (choice, error) {
		return c, &preciseError{revision, meant.Commit, fmt.Sprintf(format, args...)}
	}
	c.commit = meant.Commit
	switch selector.Kind {
	case pack.SelectCommit, pack.SelectTag:
		if c.ref, err = fixed(refs, selector, meant.Commit); err != nil {
			return refuse("is not what the declaration fixes (%s)", selector)
		}
	case pack.SelectVersion:
		constraint, err := pack.ParseConstraint(selector.Text)
		if err != nil {
			return c, err
		}
		if c.ref = taggedIn(refs, constraint, meant); c.ref == "" {
			return refuse("has no tag in the constraint %s, which is %s", constraint, constraint.Expanded())
		}
	default:
		c.ref = meant.Ref
		if c.found.Name != "" && selector.Kind == pack.SelectNone {
			c.prove = meant.Ref == ""
			return c, nil // the version of the index is a suggestion, no bound
		}
		bound, err := r.bound(ctx, remote, refs, selector)
		if err != nil {
			return c, err
		}
		c.ref, c.prove = bound.Ref, bound.Commit != meant.Commit
		if c.prove && !strings.HasPrefix(bound.Ref, "refs/heads/") {
			return refuse("is not what the declaration fixes (%s)", selector)
		}
	}
	return c, nil
}

// bound is what a declaration without an exact pin moves along: a branch, whose
// earlier commits are its own too.
func (r *resolver) bound(ctx context.Context, remote source.Remote, refs *source.Refs, selector pack.Selector) (source.Resolved, error) {
	switch selector.Kind {
	case pack.SelectRevision:
		return remote.Resolve(ctx, selector.Text)
	case pack.SelectBranch:
		return source.Resolved{Ref: "refs/heads/" + selector.Text, Commit: refs.Branches[selector.Text]}, nil
	}
	return source.Resolved{Ref: refs.Head, Commit: refs.HeadHash}, nil
}

// fixed returns the ref under which an exact selector names a commit.
func fixed(refs *source.Refs, selector pack.Selector, commit pack.Commit) (string, error) {
	switch {
	case selector.Kind == pack.SelectCommit && selector.Text == string(commit):
		return "", nil
	case selector.Kind == pack.SelectTag && refs.Tags[selector.Text] == commit:
		return "refs/tags/" + selector.Text, nil
	}
	return "", fmt.Errorf("%s is another commit", selector)
}

// taggedIn finds the tag in a constraint that names what was meant: the tag
// itself, or the highest on its commit.
func taggedIn(refs *source.Refs, constraint pack.Constraint, meant source.Resolved) string {
	if tag, isTag := strings.CutPrefix(meant.Ref, "refs/tags/"); isTag {
		if constraint.Matches(tag) {
			return meant.Ref
		}
		return ""
	}
	for _, tv := range versionsOf(refs.Tags) {
		if refs.Tags[tv.tag] == meant.Commit && constraint.MatchesVersion(tv.version) {
			return "refs/tags/" + tv.tag
		}
	}
	return ""
}

// prove makes sure that the repository itself leads to a commit that was not
// found by a name: servers also give out commits of forks, which anybody can
// make, under the address of the original.
func (r *resolver) prove(ctx context.Context, p *config.Pack, chosen choice, before *lockfile.Entry) (unreachable bool, err error) {
	if sameCommit(chosen, before) {
		return before.Unreachable, nil
	}
	if !chosen.prove {
		return false, nil
	}
	remote, err := r.sources.open(pack.Source{Kind: chosen.source.Kind, URL: chosen.source.URL})
	if err != nil {
		return false, err
	}
	leads, err := remote.Reachable(ctx, chosen.commit, chosen.ref)
	if err != nil || leads {
		return false, err
	}
	if !r.req.AllowUnreachable[p.Ref] {
		return false, &astrayError{p.Ref, chosen}
	}
	return true, nil
}
