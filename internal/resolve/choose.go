package resolve

import (
	"context"
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
)

// choice is one commit of one source, chosen but not yet fetched.
type choice struct {
	source pack.Source
	found  index.Found // what the index says; zero for a declared source
	ref    string      // full name it was found under, "" for a bare commit
	commit pack.Commit
	prove  bool // nothing says yet that ref (or any, if it is "") leads to commit
}

// anew chooses a commit for a pack, fetches it and makes an entry of it.
func (r *resolver) anew(ctx context.Context, p *config.Pack, want lockfile.Want, before *lockfile.Entry) outcome {
	if p.Source.Kind == pack.SourceDir {
		out := outcome{pin: Pin{Entry: lockfile.Entry{Source: want.Source, Subdir: want.Subdir, Direct: true}, Source: p.Source}}
		err := r.readDir(ctx, p, &out)
		if err == nil {
			err = out.pin.Entry.Check()
		}
		if err != nil {
			return outcome{problem: problem(p, err)}
		}
		return out
	}
	chosen, err := r.choose(ctx, p)
	if err == nil {
		err = r.movedTag(p, chosen, before)
	}
	if err != nil {
		return outcome{problem: problem(p, err), err: err}
	}
	var out outcome
	if sameCommit(chosen, before) {
		out = recorded(p, chosen, *before)
	} else {
		r.event(Event{Ref: p.Ref, Step: Fetching, Source: chosen.source.URL, Commit: chosen.commit})
		out, err = r.fetch(ctx, p, chosen)
	}
	if err == nil {
		out.pin.Entry.Unreachable, err = r.prove(ctx, p, chosen, before)
	}
	if err == nil {
		err = out.pin.Entry.Check()
	}
	if err != nil {
		return outcome{problem: problem(p, err), err: err}
	}
	return out
}

// choose finds out which source and which commit the declaration means.
func (r *resolver) choose(ctx context.Context, p *config.Pack) (choice, error) {
	c := choice{source: p.Source}
	if p.ShortName != "" {
		found, err := r.lookup.Find(ctx, p.ShortName)
		if err != nil {
			return choice{}, err
		}
		src, err := pack.ParseSource(found.RepoURL)
		if err != nil {
			return choice{}, &badIndexSourceError{found, err}
		}
		src.Subdir, src.Limits = p.Source.Subdir, p.Source.Limits
		c.source, c.found = src, found
	}
	if chosen, given := r.req.Chosen[p.Ref]; given {
		c.ref, c.commit = chosen.Ref, chosen.Commit
		return c, nil
	}
	// The list of refs is the same for every sub-directory.
	remote, err := r.sources.open(pack.Source{Kind: c.source.Kind, URL: c.source.URL})
	if err != nil {
		return choice{}, err
	}
	if revision, named := r.req.Precise[p.Ref]; named {
		return r.precise(ctx, remote, c, p.Selector, revision)
	}
	switch p.Selector.Kind {
	case pack.SelectCommit:
		c.commit, err = pack.ParseCommit(p.Selector.Text)
		c.prove = true
		return c, err
	case pack.SelectRevision:
		resolved, err := remote.Resolve(ctx, p.Selector.Text)
		c.ref, c.commit, c.prove = resolved.Ref, resolved.Commit, resolved.Ref == ""
		return c, err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		return choice{}, err
	}
	return c, c.selectFrom(refs, p.Selector)
}

// selectFrom chooses among what a repository advertises.
func (c *choice) selectFrom(refs *source.Refs, selector pack.Selector) error {
	switch selector.Kind {
	case pack.SelectVersion:
		constraint, err := pack.ParseConstraint(selector.Text)
		if err != nil {
			return err
		}
		tag, ok := highest(refs.Tags, constraint)
		if !ok {
			return &noVersionError{c.source, constraint, refs}
		}
		c.ref, c.commit = "refs/tags/"+tag, refs.Tags[tag]
	case pack.SelectTag:
		commit, has := refs.Tags[selector.Text]
		if !has {
			return &unknownRefError{c.source, selector, refs}
		}
		c.ref, c.commit = "refs/tags/"+selector.Text, commit
	case pack.SelectBranch:
		commit, has := refs.Branches[selector.Text]
		if !has {
			return &unknownRefError{c.source, selector, refs}
		}
		c.ref, c.commit = "refs/heads/"+selector.Text, commit
	case pack.SelectNone:
		if c.found.Name != "" {
			return c.indexVersion(refs)
		}
		if refs.HeadHash == "" {
			return &emptyRepositoryError{c.source, refs}
		}
		c.ref, c.commit = refs.Head, refs.HeadHash
	default:
		return fmt.Errorf("choose a commit: unknown selector %s", selector)
	}
	return nil
}

// indexVersion takes the tag of the version that the index names. Not the
// highest tag: the Exchange has packs whose highest tag is years older than
// their latest release.
func (c *choice) indexVersion(refs *source.Refs) error {
	if c.found.Version == "" {
		return &noIndexVersionError{c.found, refs}
	}
	for _, tag := range []string{"v" + c.found.Version, c.found.Version} {
		if commit, has := refs.Tags[tag]; has {
			c.ref, c.commit = "refs/tags/"+tag, commit
			return nil
		}
	}
	return &noIndexVersionError{c.found, refs}
}

// movedTag raises the alarm if a tag names another commit than it did when it
// was locked: tags are not supposed to move, and a stolen account moves them.
func (r *resolver) movedTag(p *config.Pack, chosen choice, before *lockfile.Entry) error {
	if before == nil || before.Source != chosen.source.URL || before.Ref != chosen.ref ||
		!strings.HasPrefix(chosen.ref, "refs/tags/") || before.Commit == chosen.commit || r.req.AcceptMovedTags[p.Ref] {
		return nil
	}
	return &movedTagError{p.Ref, chosen, before.Commit}
}

// sameCommit reports whether the choice is what was pinned before: then the
// entry knows all that fetching would tell.
func sameCommit(chosen choice, before *lockfile.Entry) bool {
	return before != nil && before.Source == chosen.source.URL && before.Subdir == chosen.source.Subdir && before.Commit == chosen.commit
}

// recorded repeats a pin under what was chosen now.
func recorded(p *config.Pack, chosen choice, entry lockfile.Entry) outcome {
	entry.Index = chosen.found.IndexURL
	entry.Constraint = p.Selector
	entry.Ref = chosen.ref
	entry.Direct = true
	return outcome{
		ref: p.Ref, requires: entry.Requires,
		pin:      Pin{Entry: entry, Source: chosen.source, Hash: entry.Tree, Version: entry.Version},
		findings: judgeVersion(p, chosen, entry.Version),
	}
}
