package resolve

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// Candidates is what the pin of one pack could move to.
type Candidates struct {
	Ref     pack.Ref
	Choices []Candidate // within what is declared and higher than the pin, the newest first
}

// FindCandidates asks the sources of the packs that may move what their pins could
// move to, in the order of their refs: each release above the pin where versions
// are chosen, else the one commit that is meant now. Packs whose pins do not
// satisfy the declaration are left out: they move in any case. It fetches no
// commit.
func FindCandidates(ctx context.Context, req Request, open source.Opener, lookup Lookup) ([]Candidates, diag.List) {
	if diags := checkUpdate(req); diags.HasErrors() {
		return nil, diags
	}
	r := newResolver(req, open, lookup)
	packs := map[pack.Ref]config.Pack{}
	for _, p := range Indirect(req.lock()) {
		packs[p.Ref] = p
	}
	for _, p := range req.Packs {
		packs[p.Ref] = p
	}
	refs := sortedRefs(packs)
	found := make([]Candidates, len(refs))
	problems := make([]*diag.Diagnostic, len(refs))
	var group errgroup.Group
	group.SetLimit(parallel(req.Parallel))
	for i, ref := range refs {
		p := packs[ref]
		group.Go(func() error {
			choices, err := r.candidates(ctx, &p)
			found[i] = Candidates{ref, choices}
			if err != nil {
				problems[i] = problem(&p, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: each pack keeps its own
	if ctx.Err() != nil {
		return nil, diag.List{interrupted(ctx)}
	}
	var diags diag.List
	var out []Candidates
	for i, c := range found {
		if problems[i] != nil {
			diags = append(diags, problems[i])
		}
		if len(c.Choices) > 0 {
			out = append(out, c)
		}
	}
	sortByPlace(diags)
	return out, diags
}

func (r *resolver) candidates(ctx context.Context, p *config.Pack) ([]Candidate, error) {
	entry, locked := r.req.lock().Packs[p.Ref]
	if !locked || entry.IsDir() || p.Source.Kind == pack.SourceDir || r.req.Update != nil && !r.req.Update[p.Ref] {
		return nil, nil
	}
	want, err := r.req.want(p)
	if err != nil {
		return nil, err
	}
	if fits, _, _ := entry.Satisfies(want); entry.Direct && !fits {
		return nil, nil
	}
	r.event(Event{Ref: p.Ref, Step: Choosing})
	chosen, err := r.choose(ctx, p)
	if err == nil {
		err = r.movedTag(p, chosen, &entry)
	}
	if err != nil {
		r.event(Event{Ref: p.Ref, Step: Failed})
		return nil, err
	}
	r.event(Event{Ref: p.Ref, Step: Done, Source: chosen.source.URL, Commit: chosen.commit})
	if chosen.commit == entry.Commit {
		return nil, nil
	}
	newest := candidate(chosen.ref, chosen.commit)
	pinned, isTag := pack.ParseTagVersion(strings.TrimPrefix(entry.Ref, "refs/tags/"))
	top, alsoTag := pack.ParseTagVersion(newest.Version)
	if chosen.source.URL != entry.Source || !isTag || !alsoTag || !r.choosesVersions(p) {
		return []Candidate{newest}, nil
	}
	constraint, err := pack.ParseConstraint(p.Selector.Text)
	if err != nil && p.Selector.Kind == pack.SelectVersion {
		return nil, err
	}
	remote, err := r.sources.open(pack.Source{Kind: chosen.source.Kind, URL: chosen.source.URL})
	if err != nil {
		return nil, err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		return nil, err
	}
	choices := []Candidate{newest}
	for _, tv := range versionsOf(refs.Tags) {
		switch {
		case !tv.version.LessThan(top), !tv.version.GreaterThan(pinned), refs.Tags[tv.tag] == choices[len(choices)-1].Commit:
		case p.Selector.Kind == pack.SelectVersion && constraint.MatchesVersion(tv.version),
			p.Selector.Kind == pack.SelectNone && tv.version.Prerelease() == "":
			choices = append(choices, candidate("refs/tags/"+tv.tag, refs.Tags[tv.tag]))
		}
	}
	return choices, nil
}

// choosesVersions tells whether a pack is chosen by its version: by a constraint,
// or by what an index says, which is a suggestion and no bound.
func (r *resolver) choosesVersions(p *config.Pack) bool {
	return p.Selector.Kind == pack.SelectVersion || p.Selector.Kind == pack.SelectNone && p.ShortName != ""
}

// misfit stands in the Extra of a diagnostic that another choice may mend.
type misfit struct{ refs []pack.Ref }

// Misfits tells which packs, if pinned otherwise, could make a problem go away, the
// likeliest first. It is nil for problems that no choice mends, such as a source
// that cannot be reached.
func Misfits(d *diag.Diagnostic) []pack.Ref {
	m, _ := d.Extra.(misfit)
	return m.refs
}

// unusable tells an error about what one commit holds from one about its source.
func unusable(err error) bool {
	var (
		other   *otherPackError
		badTree *badTreeError
		refused *tree.RefusedError
		subdir  *tree.NoSubdirError
		astray  *astrayError
	)
	return errors.As(err, &other) || errors.As(err, &badTree) || errors.As(err, &refused) || errors.As(err, &subdir) || errors.As(err, &astray)
}
