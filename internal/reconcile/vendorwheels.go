package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
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

// wheelsDir is where a bundle has the wheels of one pack for one target. Packs
// share none: what one requires must not change what another gets.
func wheelsDir(target string, ref pack.Ref) string {
	return path.Join("wheels", target, string(ref))
}

// wheelTarget names the hosts that wheels are for: the version of Python, the
// system and the machine, all of which decide what is required and which file is
// taken.
func wheelTarget(builder *virtualenv.Builder) (string, error) {
	version, err := builder.Version()
	return version + "-" + runtime.GOOS + "-" + runtime.GOARCH, err
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
	target, err := wheelTarget(builder)
	if err != nil {
		return 0, fmt.Errorf("%w (set virtualenv = false in packs that need none, or give --no-wheels)", err)
	}
	t, err := w.tree(ctx, p.Resolved.Packs[declared.Ref])
	if err != nil {
		return 0, fmt.Errorf("read the requirements of %s: %w", declared.Ref, withHint(err))
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
		if err := add(path.Join(wheelsDir(target, declared.Ref), name), data); err != nil {
			return 0, err
		}
	}
	return len(names), nil
}

// wheels are what the bundle has for the virtualenv of a pack; nil without one.
// Where there is nothing else, to have them for other hosts only is an error.
func (w *world) wheels(declared config.Pack) (map[string]func() ([]byte, error), error) {
	if w.bundle == nil {
		return nil, nil
	}
	target, err := wheelTarget(w.builder(declared.Python))
	if err != nil {
		return nil, err
	}
	found := map[string]func() ([]byte, error){}
	for _, name := range w.bundle.Names(wheelsDir(target, declared.Ref)) {
		found[path.Base(name)] = func() ([]byte, error) { return w.bundle.Read(name) }
	}
	if len(found) > 0 || !w.opts.Offline {
		return found, nil
	}
	for _, name := range w.bundle.Names("wheels") {
		if parts := strings.Split(name, "/"); len(parts) == 4 && parts[2] == string(declared.Ref) {
			return nil, fmt.Errorf("the bundle %s has the Python packages of %s for %s, and this host is %s: run packsync vendor on a host like this one",
				w.opts.VendorDir, declared.Ref, parts[1], target)
		}
	}
	return found, nil
}
