package reconcile

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// review fills in what changes in the content of packs, whom that hits, and what
// StackStorm has to lose. Where no content changes, and all is registered, nothing
// is read.
func (p *Planned) review(ctx context.Context, in *plan.Input) error {
	in.FailOn = p.world.opts.FailOn
	changes := p.contentChanges()
	r := reviewing{planned: p, cache: p.inventories, world: review.World{Complete: true}, unread: map[pack.Ref]finding{}}
	if err := p.told(ctx, in, changes); err != nil {
		return err
	}
	if len(changes) > 0 || p.registersAnew() || p.losesTriggers(in) {
		if err := r.gather(ctx); err != nil {
			return err
		}
		bindings(in, r.world)
	}
	if len(changes) == 0 {
		return nil
	}
	result := review.Review(r.world)
	in.Reviewed = result.Findings(p.accepts(time.Now()))
	for _, ref := range slices.Sorted(maps.Keys(r.unread)) {
		f := r.unread[ref]
		if changes[ref] {
			in.Reviewed[ref] = append(in.Reviewed[ref], f)
			continue
		}
		f.Grade, f.Severity, f.Resource = "", pack.Note, string(ref)
		f.Message = strings.Replace(f.Message, "nobody knows what changes", "nobody knows whether these changes hit pack "+string(ref), 1)
		in.Findings = append(in.Findings, f)
	}
	in.Findings = append(in.Findings, apart(result)...)
	return nil
}

// apart tells what is wrong before the change and after it.
func apart(result review.Result) (out []finding) {
	for _, f := range []*finding{review.DanglingFinding(result.Dangling), review.BuiltinFinding(result.Builtin)} {
		if f != nil {
			out = append(out, *f)
		}
	}
	return out
}

func (p *Planned) note(text string) { p.Notes = append(p.Notes, text) }

// contentChanges returns the packs that come, go or get another tree. A rollback
// takes away no pack that it does not name.
func (p *Planned) contentChanges() map[pack.Ref]bool {
	changes, wanted := map[pack.Ref]bool{}, make(map[pack.Ref]bool, len(p.desired))
	for i := range p.desired {
		ref := p.desired[i].pack.Ref
		wanted[ref] = true
		if p.changesContent(&p.desired[i]) {
			changes[ref] = true
		}
	}
	for ref := range p.Record.Packs {
		if !wanted[ref] && p.world.opts.Rollback == nil {
			changes[ref] = true
		}
	}
	return changes
}

// hashes lists the trees that a review reads.
func (p *Planned) hashes() []pack.TreeHash {
	var out []pack.TreeHash
	for i := range p.desired {
		out = append(out, p.desired[i].side.Tree)
	}
	for _, seen := range p.Observed.Packs {
		out = append(out, seen.Tree)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(h pack.TreeHash) bool { return h == "" })
}

// changesContent reports whether a desired pack comes or gets another tree.
func (p *Planned) changesContent(d *desired) bool {
	if recorded, managed := p.Record.Packs[d.pack.Ref]; managed {
		return recorded.Content != d.side.Content
	}
	seen, there := p.seenOf(d.pack.Ref, d.side.BasePath)
	return !there || seen.Content != d.side.Content
}

// seenOf returns the pack that is on disk, first in its base path, else in any:
// it may be on its way from one to the other.
func (p *Planned) seenOf(ref pack.Ref, base string) (installed.Pack, bool) {
	if seen, there := p.Observed.Packs[pack.Addr{BasePath: base, Ref: ref}]; there {
		return seen, !seen.Link
	}
	if recorded, managed := p.Record.Packs[ref]; managed {
		if seen, there := p.Observed.At(recorded.Path); there && seen.Addr.Ref == ref {
			return seen, !seen.Link
		}
	}
	return installed.Pack{}, false
}

// reviewing gathers the inventories of all packs.
type reviewing struct {
	planned *Planned
	cache   *inventories
	world   review.World
	unread  map[pack.Ref]finding // packs that could not be read
}

func (r *reviewing) gather(ctx context.Context) error {
	p := r.planned
	r.cache.ahead(ctx, p.hashes())
	taken := map[pack.Ref]bool{}
	for i := range p.desired {
		d := &p.desired[i]
		taken[d.pack.Ref] = true
		reading, span := trace.Pack(ctx, d.pack.Ref)
		reading, part := trace.Do(reading, trace.Inventory)
		err := r.desired(reading, d)
		part.End()
		span.End()
		if err != nil {
			return err
		}
	}
	for ref, recorded := range p.Record.Packs {
		if seen, there := p.seenOf(ref, recorded.BasePath); there && !taken[ref] {
			taken[ref] = true
			before := r.onDisk(ctx, seen)
			after := before
			if p.world.opts.Rollback == nil { // which takes nothing away
				after = nil
			}
			r.world.Packs = append(r.world.Packs, review.Pack{Ref: ref, Before: before, After: after, Unread: before == nil})
		}
	}
	for _, base := range p.Config.BasePaths {
		for addr, seen := range p.Observed.Packs {
			if addr.BasePath != base.Name || taken[addr.Ref] || seen.Link {
				continue
			}
			taken[addr.Ref] = true
			inv := r.onDisk(ctx, seen)
			r.world.Packs = append(r.world.Packs, review.Pack{Ref: addr.Ref, Before: inv, After: inv, Unread: inv == nil})
		}
	}
	return nil
}

// desired adds a pack that is declared.
func (r *reviewing) desired(ctx context.Context, d *desired) error {
	add := func(before, after *content.Inventory) {
		r.world.Packs = append(r.world.Packs, review.Pack{
			Ref: d.pack.Ref, Before: before, After: after, Config: declaredConfig(d.pack, after), Unread: after == nil,
		})
	}
	seen, there := r.planned.seenOf(d.pack.Ref, d.side.BasePath)
	if there && seen.Content == d.side.Content {
		inv := r.onDisk(ctx, seen)
		add(inv, inv)
		return nil
	}
	after, err := r.cache.of(d.side.Tree, func() (fs.FS, error) {
		t, err := r.planned.treeOf(ctx, d)
		if err != nil {
			return nil, err
		}
		return tree.FS(t), nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("read what %s contains: %w", d.pack.Ref, err)
	case r.planned.Record.Packs[d.pack.Ref].Content == d.side.Content: // repaired: nothing changes for anyone
		add(after, after)
	case there:
		if before := r.onDisk(ctx, seen); before != nil {
			add(before, after)
		} else {
			add(after, after)
		}
	default:
		add(nil, after)
	}
	return nil
}

// onDisk reads an installed pack. One that cannot be read is a finding: what
// changes is then not known, and neither that nothing breaks.
func (r *reviewing) onDisk(ctx context.Context, seen installed.Pack) *content.Inventory {
	inv, err := r.cache.of(seen.Tree, func() (fs.FS, error) {
		t, err := tree.ReadDir(ctx, seen.Dir)
		if err != nil {
			return nil, err
		}
		return tree.FS(t), nil
	})
	if err != nil {
		r.unread[seen.Addr.Ref] = finding{
			ID: "PS-REVIEW-UNREAD", Severity: pack.Warning, Grade: pack.Breaking,
			Message: fmt.Sprintf("the pack on disk cannot be read, so that nobody knows what changes: %v", err),
		}
		return nil
	}
	return inv
}

// accepts returns the accept blocks that count now, and warns of those that do not
// any more.
func (p *Planned) accepts(now time.Time) []review.Accept {
	counting, expired := countingAccepts(p.Config, now)
	p.Warnings = append(p.Warnings, expired...)
	return counting
}

func countingAccepts(cfg *config.Config, now time.Time) (counting []review.Accept, expired diag.List) {
	for _, a := range cfg.Accepts {
		if !a.Until.IsZero() && !now.Before(a.Until) {
			expired = append(expired, diag.Warning(a.Range, "No longer accepted", fmt.Sprintf(
				"This was accepted until %s. Look at what the plan says about %s now, and remove the block or set another date.", a.Until.AddDate(0, 0, -1).Format(time.DateOnly), a.Pack)))
			continue
		}
		counting = append(counting, review.Accept{ID: a.ID, Pack: a.Pack, Resource: a.Resource, Reason: a.Reason})
	}
	return slices.Clip(counting), expired
}
