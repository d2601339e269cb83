package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
	"github.com/packsync/packsync/internal/vendored"
)

// vendoredLock is the copy of the lock in a bundle. Nobody reads it but people:
// what is installed is what the lock beside the declaration says.
const vendoredLock = "packs.lock.json"

// Vendored is what Vendor wrote.
type Vendored struct {
	Declaration
	Dir     string
	Commits int   // packfiles
	Indexes int   // index documents
	Wheels  int   // Python packages, each counted for each pack that needs it
	Bytes   int64 // of all files
	Notes   []string
}

// Vendor writes a bundle to opts.VendorTo: the packfile of every locked commit,
// checked against the lock, the index documents, the wheels of the virtualenvs
// unless opts.NoWheels, and a copy of the lock. A lock that does not fit the
// declaration is a *StaleError. It needs no access to the host that it is for, but
// for wheels the same Python and platform.
func Vendor(ctx context.Context, opts Options, cb Callbacks) (*Vendored, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	opts.Locked = true
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	p := &Planned{Declaration: decl, world: w}
	if err := w.resolve(ctx, p, resolve.Missing); err != nil {
		if stale, ok := errors.AsType[*StaleError](err); ok {
			stale.Summary = "the lock " + opts.LockFile + " does not fit the declaration, and only what is locked can be vendored"
		}
		return nil, err
	}
	out := &Vendored{Declaration: p.Declaration, Dir: opts.VendorTo}
	// Brought before the first file is written, so that a bundle is not left half
	// done because a server is away; the cache has them then.
	if err := w.bringAll(ctx, p.Lock); err != nil {
		return out, err
	}
	writer, err := vendored.Create(w.disk(), opts.VendorTo)
	if err != nil {
		return out, err
	}
	if err := w.vendorCommits(ctx, p.Lock, writer, out); err != nil {
		return out, err
	}
	if err := w.vendorIndexes(ctx, writer, out); err != nil {
		return out, err
	}
	if !opts.NoWheels {
		if err := w.vendorWheels(ctx, p, writer, out); err != nil {
			return out, err
		}
	}
	if err := writer.Add(vendoredLock, p.Lock.Bytes()); err != nil {
		return out, err
	}
	out.Bytes = writer.Bytes()
	return out, writer.Close()
}

// bringAll fetches every locked commit that is not in the cache. All that fail
// are named.
func (w *world) bringAll(ctx context.Context, lock *lockfile.File) error {
	ctx, span := trace.Begin(ctx, trace.Fetch)
	defer span.End()
	var group errgroup.Group
	group.SetLimit(max(w.opts.Parallel, 1))
	var mu sync.Mutex
	var errs []error
	for _, ref := range slices.Sorted(maps.Keys(lock.Packs)) {
		entry := lock.Packs[ref]
		if entry.IsDir() {
			continue
		}
		trace.Expect(ctx, 1)
		group.Go(func() error {
			ctx, span := trace.Pack(ctx, ref)
			defer span.End()
			w.fetching(Fetch{Ref: ref})
			_, err := w.packfile(ctx, ref, entry)
			w.fetching(Fetch{Ref: ref, Done: true, Err: err})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("fetch %s (%s, commit %s): %w", ref, entry.Source, entry.Commit.Short(), withHint(err)))
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: all are collected
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return joinFetchErrors(errs)
}

// packfile brings the packfile of a locked commit and compares its tree with the
// lock.
func (w *world) packfile(ctx context.Context, ref pack.Ref, entry lockfile.Entry) ([]byte, error) {
	src, err := pack.ParseSource(entry.Source)
	if err != nil {
		return nil, err
	}
	src.Subdir, src.Limits = entry.Subdir, w.limitsOf(ref)
	if src, err = w.cfg.Rewrites.Source(src); err != nil {
		return nil, err
	}
	snapshot, file, err := w.git.FetchPack(ctx, src, entry.Commit, entry.Ref)
	if err != nil {
		return nil, err
	}
	manifest, err := tree.HashOf(tree.Filter(snapshot.Tree))
	if err != nil {
		return nil, err
	}
	if manifest.Tree() != entry.Tree {
		return nil, fmt.Errorf("integrity: its tree is %s, but the lock pins %s: the lock was edited or the source is not what it was", manifest.Tree(), entry.Tree)
	}
	return file, nil
}

// limitsOf returns what the declaration says that a pack may hold.
func (w *world) limitsOf(ref pack.Ref) pack.Limits {
	i, declared := slices.BinarySearchFunc(w.cfg.Packs, ref, func(p config.Pack, ref pack.Ref) int { return compareRefs(p.Ref, ref) })
	if !declared {
		return pack.Limits{}
	}
	return w.cfg.Packs[i].Source.Limits
}

func (w *world) vendorCommits(ctx context.Context, lock *lockfile.File, writer *vendored.Writer, out *Vendored) error {
	done := map[pack.Commit]bool{}
	for _, ref := range slices.Sorted(maps.Keys(lock.Packs)) {
		entry := lock.Packs[ref]
		switch {
		case entry.IsDir():
			out.Notes = append(out.Notes, fmt.Sprintf("%s is a plain directory (%s) and is not in the bundle: it has to be there with the declaration", ref, entry.Source))
			continue
		case done[entry.Commit]:
			continue
		}
		done[entry.Commit] = true
		file, err := w.packfile(ctx, ref, entry) // one at a time in memory
		if err != nil {
			return fmt.Errorf("fetch %s: %w", ref, withHint(err))
		}
		if err := writer.Add(gogit.PackName(entry.Commit), file); err != nil {
			return err
		}
		out.Commits++
	}
	return nil
}

// vendorIndexes adds the documents of the indexes. One that cannot be had is a
// note: installing what is locked asks no index.
func (w *world) vendorIndexes(ctx context.Context, writer *vendored.Writer, out *Vendored) error {
	opts := w.indexOptions()
	_, problems := index.Load(ctx, w.cfg.Indexes, opts)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fetch indexes: %w", err)
	}
	for _, problem := range problems {
		out.Notes = append(out.Notes, problem.Error())
	}
	files, err := index.Vendor(w.cfg.Indexes, opts)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := writer.Add(name, files[name]); err != nil {
			return err
		}
		out.Indexes++
	}
	return nil
}

// bundle opens the vendored bundle that the options name, nil for none.
func bundle(opts Options) (*vendored.Bundle, error) {
	if opts.VendorDir == "" {
		return nil, nil
	}
	if !filepath.IsAbs(opts.VendorDir) {
		return nil, errors.New("the vendored bundle must be named by an absolute path")
	}
	return vendored.Open(opts.VendorDir)
}
