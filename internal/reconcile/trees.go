package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// diffedTree is a pack with its trees before and after. The hash of a tree that is
// not there is "".
type diffedTree struct {
	ref           ref
	before, after pack.TreeHash
	bring         [2]func(context.Context) (tree.Tree, error)
	declared      *config.Pack // after; nil if it goes
}

// readTrees reads what packs contain before and after, for a review. What cannot
// be read is a finding.
func (p *Planned) readTrees(ctx context.Context, trees []diffedTree) (review.World, map[ref]finding, error) {
	ctx, span := trace.Begin(ctx, trace.Review)
	defer span.End()
	trace.Expect(ctx, len(trees))
	cache := p.world.inventories(p.note)
	world := review.World{Packs: make([]review.Pack, len(trees))}
	var mu sync.Mutex
	unread := map[ref]finding{}
	var group errgroup.Group
	group.SetLimit(max(p.world.opts.Parallel, 1))
	for i, t := range trees {
		group.Go(func() error {
			ctx, span := trace.Pack(ctx, t.ref)
			defer span.End()
			ctx, part := trace.Do(ctx, trace.Inventory)
			defer part.End()
			one := review.Pack{Ref: t.ref}
			var errs [2]error
			one.Before, errs[0] = p.inventory(ctx, cache, t.before, t.bring[0])
			one.After, errs[1] = one.Before, errs[0]
			if t.before != t.after {
				one.After, errs[1] = p.inventory(ctx, cache, t.after, t.bring[1])
			}
			if err := errors.Join(errs[0], errs[1]); err != nil {
				mu.Lock()
				unread[t.ref] = unreadFinding(t, errs)
				mu.Unlock()
				one.Before, one.After, one.Unread = nil, nil, true
			}
			if t.declared != nil && one.Before != one.After {
				one.Config = declaredConfig(*t.declared, one.After)
			}
			world.Packs[i] = one
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return world, nil, err
	}
	if err := ctx.Err(); err != nil {
		return world, nil, fmt.Errorf("fetch: %w", err)
	}
	return world, unread, nil
}

// inventory reads the content of a tree, nil for none.
func (p *Planned) inventory(ctx context.Context, cache *inventories, hash pack.TreeHash, bring func(context.Context) (tree.Tree, error)) (*content.Inventory, error) {
	if bring == nil {
		return nil, nil
	}
	return cache.of(hash, func() (fs.FS, error) {
		t, err := bring(ctx)
		if err != nil {
			return nil, err
		}
		return tree.FS(t), nil
	})
}

func unreadFinding(t diffedTree, errs [2]error) finding {
	f := finding{ID: "PS-REVIEW-UNREAD", Severity: pack.Warning, Grade: pack.Breaking}
	err := errs[0]
	f.Message = "what it contained before cannot be read, so that nobody knows what changes: "
	if err == nil || t.before == t.after {
		err = errs[1]
		f.Message = "what it contains cannot be read, so that nobody knows what changes: "
	}
	f.Message += strings.ReplaceAll(err.Error(), "\n", " ")
	return f
}

// pinnedTree brings the tree that a lock names.
func (w *world) pinnedTree(ctx context.Context, pinned *Pinned, limits pack.Limits) (tree.Tree, error) {
	src, err := pack.ParseSource(pinned.Source)
	if err != nil {
		return nil, err
	}
	src.Subdir, src.Limits = pinned.Subdir, limits
	if pinned.Commit == "" {
		return nil, errors.New("it was declared, but not locked")
	}
	remote, err := w.sources.Open(src)
	if err != nil {
		return nil, err
	}
	snapshot, err := remote.Fetch(ctx, pinned.Commit, pinned.Ref)
	if err != nil {
		return nil, err
	}
	if err := tree.Check(snapshot.Tree, tree.DefaultLimits().For(limits)); err != nil {
		return nil, err
	}
	t := tree.Filter(snapshot.Tree)
	return t, matches(t, pinned.Tree)
}
