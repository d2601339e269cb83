package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/tree"
	"github.com/packsync/packsync/internal/vendored"
	"github.com/packsync/packsync/internal/virtualenv"
)

// wheelsDir is where a bundle has the wheels of one pack for one version of
// Python. Packs share none: what one requires must not change what another gets.
func wheelsDir(version string, ref pack.Ref) string {
	return path.Join("wheels", version, string(ref))
}

// vendorWheels adds what the virtualenvs of the packs are made from, for the
// Python of this host.
func (w *world) vendorWheels(ctx context.Context, p *Planned, writer *vendored.Writer, out *Vendored) error {
	var group errgroup.Group
	group.SetLimit(max(w.opts.Parallel, 1))
	var mu sync.Mutex
	var errs []error
	for _, declared := range slices.Concat(w.declared(), p.Resolved.Indirect) {
		if !declared.Virtualenv {
			continue
		}
		builder := w.builder(declared.Python)
		group.Go(func() error {
			names, err := w.vendorWheelsOf(ctx, p, declared, builder, func(name string, data []byte) error {
				mu.Lock()
				defer mu.Unlock()
				return writer.Add(name, data)
			})
			mu.Lock()
			defer mu.Unlock()
			out.Wheels += names
			if err != nil {
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: all are collected
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("download wheels: %w", err)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (w *world) vendorWheelsOf(ctx context.Context, p *Planned, declared config.Pack, builder *virtualenv.Builder, add func(string, []byte) error) (n int, err error) {
	version, err := builder.Version()
	if err != nil {
		return 0, fmt.Errorf("%w (set virtualenv = false in packs that need none, or give --no-wheels)", err)
	}
	t, err := w.tree(ctx, p.Resolved.Packs[declared.Ref])
	if err != nil {
		return 0, err
	}
	w.fetching(Fetch{Ref: declared.Ref})
	defer func() { w.fetching(Fetch{Ref: declared.Ref, Done: true, Err: err}) }()
	dir := filepath.Join(w.opts.VendorTo, safefs.TempName())
	names, err := builder.Download(ctx, virtualenv.Request{Ref: declared.Ref, Pack: tree.FS(t)}, dir, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.disk().RemoveAll(dir)) }()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, fmt.Errorf("vendor wheels of %s: %w", declared.Ref, err)
		}
		if err := add(path.Join(wheelsDir(version, declared.Ref), name), data); err != nil {
			return 0, err
		}
	}
	return len(names), nil
}

// wheels are what the bundle has for the virtualenv of a pack; nil without one.
func (w *world) wheels(declared config.Pack) (map[string]func() ([]byte, error), error) {
	if w.bundle == nil {
		return nil, nil
	}
	version, err := w.builder(declared.Python).Version()
	if err != nil {
		return nil, err
	}
	found := map[string]func() ([]byte, error){}
	for _, name := range w.bundle.Names(wheelsDir(version, declared.Ref)) {
		found[path.Base(name)] = func() ([]byte, error) { return w.bundle.Read(name) }
	}
	return found, nil
}
