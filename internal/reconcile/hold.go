package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
	"github.com/packsync/packsync/internal/virtualenv"
)

// hold keeps packs that were rolled back where they are, as long as the pin is
// the one that was rolled back from (design.md 6).
func (w *world) hold(p *Planned) error {
	for i := range p.desired {
		d := &p.desired[i]
		recorded := p.Record.Packs[d.pack.Ref]
		if d.generation != nil {
			if err := p.takeBack(d); err != nil {
				return err
			}
			continue
		}
		if recorded.Hold == nil || !holds(recorded.Hold, d.side) {
			continue
		}
		pinned, held := d.side, recorded.Generation()
		if !p.declaresBase(held) { // it cannot stay there, but what it holds can
			held.BasePath, held.Path = pinned.BasePath, pinned.Path
		}
		if err := p.goBack(d, held, plan.Hold{Commit: recorded.Hold.Commit, Tree: recorded.Hold.Tree, Config: recorded.Hold.Config}); err != nil {
			return err
		}
		if recorded.Hold.Config && recorded.Config != nil && recorded.Config.Owned {
			if data, err := p.configOf(d.pack.Ref, recorded.Config.HMAC); err != nil {
				p.Notes = append(p.Notes, fmt.Sprintf("the config of %s is held too, but what it was is neither on disk nor kept: the declared one is taken", d.pack.Ref))
			} else {
				d.config, d.side.Config = data, recorded.Config.HMAC
			}
		}
		d.findings = append(d.findings, finding{
			ID: "PS-HELD", Severity: pack.Note, Resource: string(d.pack.Ref),
			Message: fmt.Sprintf("%s is held at %s, because it was rolled back from %s, which the lock still pins. It moves again when the lock does, or after: packsync rollback --release %s",
				d.pack.Ref, describeSide(d.side), describeSide(pinned), d.pack.Ref),
		})
	}
	return nil
}

// holds reports whether a pin is still the one that was rolled back from.
func holds(hold *state.Hold, pinned plan.Side) bool {
	return hold.Commit == pinned.Commit && hold.Tree == pinned.Tree
}

func describeSide(s plan.Side) string {
	switch {
	case s.Commit == "":
		return strings.TrimSpace(s.Version + " (" + s.Tree.Short() + ")")
	case s.Version == "":
		return "commit " + s.Commit.Short()
	}
	return s.Version + " (commit " + s.Commit.Short() + ")"
}

// private reports whether a work folder is ours and nobody else can write to it.
// Base paths may be writable for a group: what lies in a folder that somebody made
// there is not what packsync kept.
func private(work string) bool {
	info, err := os.Lstat(work)
	if err != nil || !info.IsDir() {
		return false
	}
	uid, _ := safefs.OwnerOf(info)
	return uid == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// goBack makes a generation what is desired of a pack, in place of its pin.
func (p *Planned) goBack(d *desired, g state.Generation, hold plan.Hold) error {
	d.back, d.due = true, nil
	delete(p.trees.trees, d.pack.Ref)
	config := d.side.Config
	d.side = plan.Side{
		BasePath: p.baseName(g), Path: g.Path, Source: g.Source, Subdir: g.Subdir, Commit: g.Commit, Ref: g.Ref,
		Tree: g.Tree, Content: g.Content, Version: g.Version, Config: config, Hold: hold,
	}
	d.pin = resolve.Pin{Entry: lockfile.Entry{Source: g.Source, Subdir: g.Subdir, Commit: g.Commit, Ref: g.Ref, Tree: g.Tree, Version: g.Version}}
	if g.Commit != "" {
		src, err := pack.ParseSource(g.Source)
		if err != nil {
			return fmt.Errorf("go back to %s of %s: %w", describeSide(d.side), d.pack.Ref, err)
		}
		src.Subdir, src.Limits = g.Subdir, p.world.limitsOf(d.pack.Ref)
		d.pin.Source = src
	}
	return nil
}

// declaresBase reports whether a generation lies in a base path that is declared.
func (p *Planned) declaresBase(g state.Generation) bool {
	return slices.ContainsFunc(p.Config.BasePaths, func(b config.BasePath) bool { return b.Path == filepath.Dir(g.Path) })
}

// baseName is the base path that a generation lies in, by its present name.
func (p *Planned) baseName(g state.Generation) string {
	for _, base := range p.Config.BasePaths {
		if base.Path == filepath.Dir(g.Path) {
			return base.Name
		}
	}
	return g.BasePath
}

// bring is world.tree for a desired pack; of one that goes back, or is held, what
// was kept is tried first: it needs no network, and is all there is of a plain
// directory.
func (p *Planned) bring(ctx context.Context, d *desired) (tree.Tree, error) {
	if !d.back {
		return p.world.tree(ctx, d.pin)
	}
	t, _, err := p.keptTree(ctx, d.pack.Ref, func(m tree.Manifest) bool { return m.Tree() == d.side.Tree })
	if t != nil || err != nil {
		return t, err
	}
	if d.side.Commit != "" {
		t, err = p.world.tree(ctx, d.pin)
		if err == nil || ctx.Err() != nil {
			return t, err
		}
	}
	// What StackStorm's own install left has all its files executable.
	t, as, keptErr := p.keptTree(ctx, d.pack.Ref, func(m tree.Manifest) bool { return m.Content() == d.side.Content })
	if keptErr != nil {
		return nil, errors.Join(err, keptErr)
	}
	if t != nil {
		d.side.Tree = as
		d.findings = append(d.findings, finding{
			ID: "PS-KEPT-MODES", Severity: pack.Note, Resource: string(d.pack.Ref),
			Message: fmt.Sprintf("%s is taken from what was kept, with the executable bits that it had there: its source cannot be had, which would know them", d.pack.Ref),
		})
		return t, nil
	}
	if d.side.Commit == "" {
		return nil, fmt.Errorf("that generation of %s is not kept any more, and a plain directory has no older versions to fetch: bring the directory back to that content and run apply (stackstorm.keep says how many are kept: now %d)",
			d.pack.Ref, p.Config.Host.Keep)
	}
	return nil, err
}

// keptTree finds a tree among the displaced ones; nil if it is not there. Every
// byte is read: what lies in keep/ is used, not believed.
func (p *Planned) keptTree(ctx context.Context, ref pack.Ref, is func(tree.Manifest) bool) (tree.Tree, pack.TreeHash, error) {
	kept, err := p.kept(ref, "-place", "-take-away")
	if err != nil {
		return nil, "", err
	}
	for _, path := range kept {
		t, err := tree.ReadDir(ctx, path)
		if err != nil {
			return nil, "", fmt.Errorf("read the kept generation: %w", err)
		}
		manifest, err := tree.HashOf(t)
		if err != nil {
			return nil, "", fmt.Errorf("read the kept generation %s: %w", path, err)
		}
		if is(manifest) {
			return t, manifest.Tree(), nil
		}
	}
	return nil, "", nil
}

// configOf finds the bytes of a config file by their digest: on disk, or among
// the displaced ones.
func (p *Planned) configOf(ref pack.Ref, hmac string) ([]byte, error) {
	if onDisk, there := p.Observed.Configs[ref]; there && p.key.HMAC(onDisk.Bytes) == hmac {
		return onDisk.Bytes, nil
	}
	kept, err := p.kept(ref, "-config")
	if err != nil {
		return nil, err
	}
	for _, path := range kept {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the kept config: %w", err)
		}
		if p.key.HMAC(data) == hmac {
			return data, nil
		}
	}
	return nil, fmt.Errorf("the config file that %s had then is not kept any more: go back without --with-config (stackstorm.keep says how many are kept: now %d)", ref, p.Config.Host.Keep)
}

// kept lists what was displaced of a pack, newest first, by the ends of the names.
func (p *Planned) kept(ref pack.Ref, kinds ...string) ([]string, error) {
	var out []string
	for _, dir := range p.world.layout().KeepDirs(ref) {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for kept generations: %w", err)
		}
		if !private(filepath.Dir(filepath.Dir(dir))) {
			continue
		}
		for _, e := range entries {
			if slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasSuffix(e.Name(), kind) }) {
				out = append(out, filepath.Join(dir, e.Name()))
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(filepath.Base(b), filepath.Base(a)) })
	return out, nil
}

// holdsOn reports whether the lock still pins what a pack was rolled back from.
// Of a plain directory the lock says nothing: then the hold counts until the next
// plan has looked.
func (p *Planned) holdsOn(ref pack.Ref, hold *state.Hold) bool {
	entry := p.Lock.Packs[ref]
	return hold.Commit == "" && entry.Commit == "" || hold.Commit == entry.Commit && hold.Tree == entry.Tree
}

// restoreVenv brings a virtualenv back that was displaced, if one has the key that
// is wanted. An error says why that did not work; the virtualenv can be built all
// the same.
func (p *Planned) restoreVenv(ctx context.Context, d *desired, request virtualenv.Request) (bool, error) {
	kept, err := p.kept(d.pack.Ref, "-virtualenv", "-take-venv")
	if err != nil || len(kept) == 0 {
		return false, err
	}
	history, err := p.world.store.History(p.Record)
	if err != nil {
		return false, err
	}
	for _, path := range kept {
		// The name begins with the serial of the record that the virtualenv was part
		// of, and the history knows its key.
		serial, err := strconv.ParseUint(strings.SplitN(filepath.Base(path), "-", 2)[0], 10, 64)
		if err != nil {
			continue // not of packsync's making
		}
		then, err := history.At(p.Record, serial)
		if err != nil {
			return false, err
		}
		if g, managed := then[d.pack.Ref]; managed && g.Venv == d.side.Venv {
			err := p.world.builder(d.pack.Python).Restore(ctx, request, path)
			return err == nil, err
		}
	}
	return false, nil
}
