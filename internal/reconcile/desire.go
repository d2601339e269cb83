package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

type (
	ref     = pack.Ref
	treeOf  = tree.Tree
	finding = pack.Finding
)

// desired is one declared pack on its way into the plan.
type desired struct {
	pack   config.Pack
	pin    resolve.Pin
	side   plan.Side
	config []byte     // rendered; holds secrets
	size   apply.Size // of the tree, where it was read
	due    []string

	overridesSeen string              // digest of the override file on disk
	overrides     []byte              // rendered override file; nil for none
	heldBack      map[string][]string // to be recorded (state.Pack.HeldBack)

	dirTree    pack.TreeHash     // of a plain directory: what lies there now
	back       bool              // a past generation is desired, not the pin
	generation *state.Generation // of a rollback
	hold       plan.Hold         // of a rollback
	findings   []pack.Finding
}

// declared are the packs that this run wants: none when everything is destroyed.
func (w *world) declared() []config.Pack {
	if w.opts.Destroy {
		return nil
	}
	return w.cfg.Packs
}

func (w *world) lockDir() string { return filepath.Dir(w.opts.LockFile) }

// desire joins what is declared, and what that requires, with what is locked, and
// renders the configs.
func (w *world) desire(p *Planned) error {
	paths := map[string]string{}
	for _, base := range w.cfg.BasePaths {
		paths[base.Name] = base.Path
	}
	for _, declared := range slices.Concat(w.declared(), p.Resolved.Indirect) {
		declared.DependsOn = union(declared.DependsOn, p.Resolved.Requires[declared.Ref])
		pin, ok := p.Resolved.Packs[declared.Ref]
		if !ok {
			return fmt.Errorf("resolve: no pin for %s", declared.Ref)
		}
		d := desired{pack: declared, pin: pin, side: plan.Side{
			BasePath: declared.BasePath, Path: filepath.Join(paths[declared.BasePath], string(declared.Ref)),
			Source: pin.Entry.Source, Subdir: pin.Entry.Subdir, Commit: pin.Entry.Commit, Ref: pin.Entry.Ref,
			Tree: pin.Entry.Tree, Version: pin.Entry.Version, Title: pin.Entry.Title,
			Unpinned: pin.Source.Kind == pack.SourceDir,
		}}
		if err := d.render(p.key); err != nil {
			return err
		}
		if pin.Tree != nil {
			if err := d.takeTree(pin.Tree, p.trees); err != nil {
				return fmt.Errorf("read %s: %w", declared.Ref, err)
			}
		}
		p.desired = append(p.desired, d)
	}
	return nil
}

// union returns the refs of both lists, sorted.
func union(a, b []pack.Ref) []pack.Ref {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func (d *desired) render(key state.Key) error {
	declared := d.pack.Config
	switch {
	case declared == nil:
		return nil
	case declared.File != "":
		d.config = declared.Bytes
	default:
		data, err := packconfig.Render(declared.Values, d.pack.Ref)
		if err != nil {
			return fmt.Errorf("render the config of %s: %w", d.pack.Ref, err)
		}
		d.config = data
	}
	d.side.Config = key.HMAC(d.config)
	return nil
}

// takeTree fills in what only the tree itself can tell.
func (d *desired) takeTree(t tree.Tree, cache *treeCache) error {
	manifest, err := tree.HashOf(t)
	if err != nil {
		return err
	}
	if d.side.Unpinned {
		d.side.Tree, d.dirTree = manifest.Tree(), manifest.Tree()
	} else if manifest.Tree() != d.side.Tree {
		return fmt.Errorf("integrity: the tree of commit %s is %s, but the lock pins %s: the lock was edited or the source is not what it was; nothing was changed", d.side.Commit, manifest.Tree(), d.side.Tree)
	}
	d.side.Content = manifest.Content()
	d.size = apply.SizeOf(t.Files())
	if d.due, err = content.Types(tree.FS(t)); err != nil {
		return err
	}
	if d.side.Unpinned {
		meta, err := content.ReadMeta(tree.FS(t))
		if err != nil {
			return err
		}
		d.side.Version = meta.Version
	}
	cache.add(d.pack.Ref, t)
	return nil
}

// observe looks at the disk: in full at what is managed or wanted.
func (w *world) observe(ctx context.Context, p *Planned) error {
	ctx, span := trace.Begin(ctx, trace.Inspect)
	defer span.End()
	request := installed.Request{Full: map[pack.Addr]bool{}, ConfigsDir: w.cfg.Host.ConfigsDir, GID: w.gid(), Index: w.indexPath(), Ahead: p.ahead}
	for _, base := range w.cfg.BasePaths {
		request.BasePaths = append(request.BasePaths, installed.BasePath{Name: base.Name, Path: base.Path})
	}
	configs := map[pack.Ref]bool{}
	for _, d := range p.desired {
		request.Full[pack.Addr{BasePath: d.side.BasePath, Ref: d.pack.Ref}] = true
		configs[d.pack.Ref] = true
	}
	for ref, recorded := range p.Record.Packs {
		base, err := baseOf(&request, recorded)
		if err != nil {
			return fmt.Errorf("look for %s: %w", ref, err)
		}
		request.Full[pack.Addr{BasePath: base, Ref: ref}] = true
		configs[ref] = true
	}
	for ref := range configs {
		request.Configs = append(request.Configs, ref)
	}
	slices.Sort(request.Configs)
	observed, err := installed.Inspect(ctx, request)
	if err != nil {
		return err
	}
	p.Observed = observed
	if p.Record.Serial == 0 {
		return nil // this root is not ours yet: nothing is written there
	}
	if err := installed.WriteIndex(w.disk(), request.Index, observed); err != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("the fingerprint index could not be renewed, so the next run reads every file again: %v", err))
	}
	return nil
}

// baseOf finds the base path that a recorded pack lies in. One that is no longer
// declared is looked at all the same, under the name it was recorded with: a pack
// there is still ours to move or remove.
func baseOf(request *installed.Request, recorded state.Pack) (string, error) {
	dir := filepath.Dir(recorded.Path)
	for _, base := range request.BasePaths {
		if base.Path == dir {
			return base.Name, nil
		}
	}
	name := recorded.BasePath
	for _, base := range request.BasePaths {
		if base.Name == name {
			name += " (before)"
		}
	}
	request.BasePaths = append(request.BasePaths, installed.BasePath{Name: name, Path: dir})
	return name, nil
}

// fetch brings the trees of the packs that the record does not already describe:
// none in a no-op. All that fail are named.
func (w *world) fetch(ctx context.Context, p *Planned) error {
	ctx, span := trace.Begin(ctx, trace.Fetch)
	defer span.End()
	var group errgroup.Group
	group.SetLimit(max(w.opts.Parallel, defaultParallel))
	var mu sync.Mutex
	var errs []error
	for i := range p.desired {
		d := &p.desired[i]
		recorded := p.Record.Packs[d.pack.Ref]
		seen, there := p.Observed.Packs[pack.Addr{BasePath: d.side.BasePath, Ref: d.pack.Ref}]
		same := recorded.Tree != "" && recorded.Tree == d.side.Tree
		if d.side.Content == "" && same {
			d.side.Content = recorded.Content
		}
		if there && d.side.Content == "" && seen.Tree == d.side.Tree {
			d.side.Content = seen.Content // on disk as locked: nothing to fetch
		}
		if there && d.side.Content != "" && seen.Content == d.side.Content {
			continue
		}
		if d.pin.Tree != nil {
			continue
		}
		trace.Expect(ctx, 1)
		group.Go(func() error {
			err := w.fetchOne(ctx, p, d)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return joinFetchErrors(errs)
}

const defaultParallel = 8

func (w *world) fetchOne(ctx context.Context, p *Planned, d *desired) error {
	ctx, span := trace.Pack(ctx, d.pack.Ref)
	defer span.End()
	w.fetching(Fetch{Ref: d.pack.Ref})
	t, err := p.bring(ctx, d)
	if err == nil {
		err = d.takeTree(t, p.trees)
	}
	if err == nil && !d.pin.Judged {
		err = w.judgeMeta(d, t)
	}
	if err == nil && p.Record.Packs[d.pack.Ref].Content != d.side.Content {
		p.takeInventory(ctx, d, t)
	}
	w.fetching(Fetch{Ref: d.pack.Ref, Done: true, Err: err})
	if err != nil {
		return fmt.Errorf("fetch %s (%s, commit %s): %w", d.pack.Ref, d.side.Source, d.side.Commit.Short(), withHint(err))
	}
	return nil
}

// takeInventory reads what a fetched pack contains, for the review, while others
// still wait for their servers.
func (p *Planned) takeInventory(ctx context.Context, d *desired, t tree.Tree) {
	_, part := trace.Do(ctx, trace.Inventory)
	defer part.End()
	// What cannot be read is for the review to tell, which reads it again.
	_, _ = p.inventories.of(d.side.Tree, func() (fs.FS, error) { return tree.FS(t), nil })
}

// judgeMeta adds what resolving would have found, had it fetched the pack itself.
func (w *world) judgeMeta(d *desired, t tree.Tree) error {
	meta, err := content.ReadMeta(tree.FS(t))
	if err != nil {
		return err
	}
	d.findings = slices.Concat(d.findings, meta.Findings, resolve.JudgeHost(meta, w.stackstormVersion()))
	return nil
}

func (w *world) fetching(f Fetch) {
	if w.cb.Fetching != nil {
		w.cb.Fetching(f)
	}
}

// joinFetchErrors puts the offline misses into one error, since one decision
// mends them all.
func joinFetchErrors(errs []error) error {
	var offline []string
	var rest []error
	for _, err := range errs {
		if errors.Is(err, source.ErrOffline) {
			offline = append(offline, err.Error())
		} else {
			rest = append(rest, err)
		}
	}
	slices.SortFunc(rest, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if len(offline) > 0 {
		slices.Sort(offline)
		rest = append(rest, fmt.Errorf("%d locked packs are not in the cache and the network is not to be used:\n  %s\nRun packsync plan once without --offline or --frozen on a host with network, or fill the cache there: %w",
			len(offline), strings.Join(offline, "\n  "), source.ErrOffline))
	}
	return errors.Join(rest...)
}

// dueOnDisk lists what a registration of an installed pack must count.
func dueOnDisk(dir string) ([]string, error) {
	types, err := content.Types(os.DirFS(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return types, err
}
