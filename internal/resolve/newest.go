package resolve

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/trace"
)

// Candidate is a commit that a pack could be pinned to. It was not fetched.
type Candidate struct {
	Version string      // that the tag names; "" for a branch or a bare commit
	Ref     string      // full name; "" for a bare commit
	Commit  pack.Commit // "" if there is none
}

// Newest is what a repository offers for one pack.
type Newest struct {
	Ref          pack.Ref
	InConstraint Candidate // what an update would pin
	// Overall is the newest release, whatever is declared: for a short name the
	// version that the index names, since the highest tag is not always the latest
	// release; else the highest tag that is no pre-release.
	Overall Candidate
	// MovedTo is the commit that the locked tag names now; "" if it was not moved.
	MovedTo pack.Commit
	// Problem says why nothing is known; nil if it is.
	Problem *diag.Diagnostic
}

// Indirect are the packs that stand in a lock because others require them, in the
// words of a declaration, sorted by ref.
func Indirect(lock *lockfile.File) []config.Pack {
	var packs []config.Pack
	for _, ref := range sortedRefs(lock.Packs) {
		e := lock.Packs[ref]
		if e.Direct || e.IsDir() {
			continue
		}
		p := config.Pack{Ref: ref, Selector: e.Constraint, BasePath: pack.DefaultBasePath}
		if e.Index != "" {
			p.ShortName = string(ref)
		} else {
			p.Source, p.SourceText = pack.Source{Kind: pack.SourceGit, URL: e.Source, Subdir: e.Subdir}, e.Source
		}
		packs = append(packs, p)
	}
	return packs
}

// FindNewest asks the sources of all packs in req what they offer, in the order of
// req.Packs. Plain directories are left out. It fetches no commit and pins
// nothing.
func FindNewest(ctx context.Context, req Request, open source.Opener, lookup Lookup) ([]Newest, diag.List) {
	r := newResolver(req, open, lookup)
	var packs []*config.Pack
	for i := range req.Packs {
		if req.Packs[i].Source.Kind != pack.SourceDir {
			packs = append(packs, &req.Packs[i])
		}
	}
	found := make([]Newest, len(packs))
	var group errgroup.Group
	group.SetLimit(parallel(req.Parallel))
	for i, p := range packs {
		group.Go(func() error {
			found[i] = r.newest(ctx, p)
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: each pack keeps its own
	if ctx.Err() != nil {
		return nil, diag.List{interrupted(ctx)}
	}
	var warnings diag.List
	for _, p := range lookup.Problems() {
		warnings = append(warnings, indexWarning(p))
	}
	return found, warnings
}

func (r *resolver) newest(ctx context.Context, p *config.Pack) Newest {
	n := Newest{Ref: p.Ref}
	ctx, span := trace.Pack(ctx, p.Ref)
	defer span.End()
	r.event(Event{Ref: p.Ref, Step: Choosing})
	chosen, err := r.choose(ctx, p)
	if err != nil {
		r.event(Event{Ref: p.Ref, Step: Failed})
		n.Problem = problem(p, err)
		return n
	}
	r.event(Event{Ref: p.Ref, Step: Done, Source: chosen.source.URL, Commit: chosen.commit})
	n.InConstraint = candidate(chosen.ref, chosen.commit)
	remote, err := r.sources.open(pack.Source{Kind: chosen.source.Kind, URL: chosen.source.URL})
	var refs *source.Refs
	if err == nil {
		refs, err = remote.Refs(ctx)
	}
	if err != nil {
		n.Problem = problem(p, err)
		return n
	}
	n.Overall = overall(chosen, refs)
	if entry, locked := r.req.lock().Packs[p.Ref]; locked && entry.Source == chosen.source.URL {
		tag, isTag := strings.CutPrefix(entry.Ref, "refs/tags/")
		if now, has := refs.Tags[tag]; isTag && has && now != entry.Commit {
			n.MovedTo = now
		}
	}
	return n
}

func candidate(ref string, commit pack.Commit) Candidate {
	c := Candidate{Ref: ref, Commit: commit}
	if version, ok := pack.ParseTagVersion(strings.TrimPrefix(ref, "refs/tags/")); ok {
		c.Version = version.String()
	}
	return c
}

func overall(chosen choice, refs *source.Refs) Candidate {
	indexed := choice{source: chosen.source, found: chosen.found}
	if chosen.found.Version != "" && indexed.indexVersion(refs) == nil {
		named, picked := candidate(indexed.ref, indexed.commit), candidate(chosen.ref, chosen.commit)
		if a, ok := pack.ParseTagVersion(picked.Version); ok {
			if b, ok := pack.ParseTagVersion(named.Version); ok && a.GreaterThan(b) {
				return picked // what update would pin is there, whatever the index says
			}
		}
		return named
	}
	for _, tv := range versionsOf(refs.Tags) {
		if tv.version.Prerelease() == "" {
			return candidate("refs/tags/"+tv.tag, refs.Tags[tv.tag])
		}
	}
	return candidate(chosen.ref, chosen.commit)
}
