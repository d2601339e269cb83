package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
)

// askSources asks what is newer than the lock. With UpdateLock the pins of packs
// that follow a branch are moved, and a pass takes them from there.
func (d *daemon) askSources(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, d.opts.Timing.Pass)
	defer cancel()
	if d.opts.Run.Config.File == "" {
		return // the declaration could not be fetched yet
	}
	if d.opts.UpdateLock && d.moveBranches(asking) {
		d.pass(ctx, cause{why: "newer"})
	}
	if asking.Err() != nil {
		return
	}
	opts := d.opts.Run
	opts.Config.Mode = config.Partial
	found, err := reconcile.FindOutdated(asking, opts, reconcile.Callbacks{})
	if err != nil && ctx.Err() == nil {
		d.opts.Log.Warn("not all sources could be asked for newer revisions", "error", firstLine(err))
	}
	if found == nil {
		return
	}
	newer := []NewerPack{}
	now := map[string]string{}
	for _, p := range found.Packs {
		n, ok := newerOf(p)
		if !ok {
			continue
		}
		newer = append(newer, n)
		now[string(p.Ref)] = n.State + " " + n.Newer
		if d.newer[string(p.Ref)] != now[string(p.Ref)] {
			d.opts.Log.Info("newer", "pack", string(p.Ref), "state", n.State, "locked", n.Locked, "newer", n.Newer)
		}
	}
	d.newer = now
	d.board.offered(newer)
}

// newerOf describes what is worth telling of a pack, if anything is.
func newerOf(p reconcile.OutdatedPack) (NewerPack, bool) {
	switch p.State {
	case "update", "moved-tag":
		return NewerPack{Ref: p.Ref, State: p.State, Locked: release(p.Locked), Newer: release(p.InConstraint)}, true
	case "constraint":
		return NewerPack{Ref: p.Ref, State: p.State, Locked: release(p.Locked), Newer: release(p.Newest)}, true
	}
	return NewerPack{}, false
}

func release(r *reconcile.Release) string {
	switch {
	case r == nil:
		return ""
	case r.Version == "":
		return r.Commit.Short()
	}
	return fmt.Sprintf("%s (%s)", r.Version, r.Commit.Short())
}

// moveBranches pins the packs that follow a branch anew, and reports whether the
// lock changed.
func (d *daemon) moveBranches(ctx context.Context) bool {
	opts := d.opts.Run
	opts.Config.Mode = config.Partial
	decl, err := reconcile.Load(ctx, opts)
	if err != nil {
		return false // the last pass said so
	}
	opts.Update, opts.Packs = true, map[pack.Ref]bool{}
	for _, p := range decl.Config.Packs {
		if follows(p) {
			opts.Packs[p.Ref] = true
		}
	}
	if len(opts.Packs) == 0 {
		return false
	}
	locked, err := reconcile.Lock(ctx, opts, reconcile.Callbacks{})
	if err != nil {
		if ctx.Err() == nil {
			d.opts.Log.Warn("the pins of branches could not be moved", "packs", fmt.Sprint(slices.Sorted(maps.Keys(opts.Packs))), "error", firstLine(err))
		}
		return false
	}
	for _, c := range locked.Changes {
		d.opts.Log.Info("lock", "pack", string(c.Ref), "change", c.Kind, "before", c.Before, "after", c.After, "reason", c.Reason)
	}
	return locked.Written
}

// follows reports whether a pack follows a branch: one that it names, or the
// default one.
func follows(p config.Pack) bool {
	return p.Selector.Kind == pack.SelectBranch || p.Selector.Kind == pack.SelectNone && p.Source.Kind == pack.SourceGit
}
