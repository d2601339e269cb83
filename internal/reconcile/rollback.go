package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
)

// Rollback says how far to go back. With neither a pack nor a serial it is what
// the newest apply changed.
type Rollback struct {
	Pack       pack.Ref // to its generation before the present one; "" for a serial
	Serial     *uint64  // all packs as they were then
	WithConfig bool     // the config files of then too
}

// desireBack makes past generations what is desired, instead of what is declared
// and locked. It needs no network: what is not kept is in the cache.
func (w *world) desireBack(ctx context.Context, p *Planned) error {
	lock, diags := lockfile.Read(w.opts.LockFile)
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: p.Files}
	}
	p.Lock, p.Resolved = lock, &resolve.Result{Lock: lock}
	history, err := w.store.History(p.Record)
	if err != nil {
		return err
	}
	targets, err := p.targets(history)
	if err != nil {
		return err
	}
	declared := map[pack.Ref]config.Pack{}
	for _, c := range w.cfg.Packs {
		declared[c.Ref] = c
	}
	var undeclared []string
	for _, ref := range slices.Sorted(maps.Keys(targets)) {
		_, isDeclared := declared[ref]
		if entry, locked := lock.Packs[ref]; !isDeclared && (!locked || entry.Direct) { // no other pack needs it either
			undeclared = append(undeclared, string(ref))
			continue
		}
		if err := w.desireGeneration(ctx, p, ref, declared, targets[ref]); err != nil {
			return err
		}
	}
	switch {
	case len(undeclared) == 0:
	case w.opts.Rollback.Pack != "":
		return fmt.Errorf("%s is no longer declared: the next apply removes it. Declare it again first, then roll it back", w.opts.Rollback.Pack)
	default:
		p.Notes = append(p.Notes, "not declared any more, and left alone: "+strings.Join(undeclared, ", "))
	}
	return nil
}

func (w *world) desireGeneration(ctx context.Context, p *Planned, ref pack.Ref, declared map[pack.Ref]config.Pack, g state.Generation) error {
	recorded := p.Record.Packs[ref]
	c, isDeclared := declared[ref]
	if !isDeclared {
		c = config.Pack{Ref: ref, Virtualenv: recorded.Venv != nil, PurgeConfig: recorded.PurgeConfig}
	}
	if !p.declaresBase(g) {
		return fmt.Errorf("%s lay in %s then, and that is no declared base path any more: declare it again first", ref, g.Path)
	}
	hold, err := w.holdOn(ctx, c, p.Lock.Packs[ref], recorded)
	if err != nil {
		return err
	}
	hold.Config = w.opts.Rollback.WithConfig && g.Config != ""
	if hold.Commit == g.Commit && hold.Tree == g.Tree && (!isDeclared || c.BasePath == p.baseName(g)) {
		hold = plan.Hold{} // the lock names it, and it is declared there: there is nothing to hold against
	}
	d := desired{pack: c, generation: &g, hold: hold}
	p.desired = append(p.desired, d)
	return nil
}

// holdOn names the pin that a pack is rolled back from. Of a plain directory that
// is what lies in it now.
func (w *world) holdOn(ctx context.Context, c config.Pack, entry lockfile.Entry, recorded state.Pack) (plan.Hold, error) {
	switch {
	case c.Source.Kind == pack.SourceDir:
		remote, err := w.sources.Open(c.Source)
		if err != nil {
			return plan.Hold{}, err
		}
		snapshot, err := remote.Fetch(ctx, "", "")
		if err != nil {
			return plan.Hold{}, fmt.Errorf("find out what %s is rolled back from: %w", c.Ref, err)
		}
		manifest, err := tree.HashOf(tree.Filter(snapshot.Tree))
		return plan.Hold{Tree: manifest.Tree()}, err
	case entry.Commit != "":
		return plan.Hold{Commit: entry.Commit, Tree: entry.Tree}, nil
	}
	return plan.Hold{Commit: recorded.Commit, Tree: recorded.Tree}, nil
}

// targets finds the generation that each pack is to go back to.
func (p *Planned) targets(history *state.History) (map[pack.Ref]state.Generation, error) {
	back := p.world.opts.Rollback
	switch {
	case back.Pack != "":
		recorded, managed := p.Record.Packs[back.Pack]
		if !managed {
			return nil, fmt.Errorf("cannot roll %s back: packsync does not manage it", back.Pack)
		}
		g, serial, ok := history.Previous(back.Pack, recorded.Generation())
		if !ok {
			return nil, fmt.Errorf("cannot roll %s back: no earlier generation of it is recorded%s", back.Pack, because(history.End))
		}
		p.Notes = append(p.Notes, fmt.Sprintf("%s goes back to what it was before serial %d", back.Pack, serial))
		return map[pack.Ref]state.Generation{back.Pack: g}, nil
	case back.Serial != nil:
		then, err := history.At(p.Record, *back.Serial)
		if err != nil {
			return nil, err
		}
		return p.onlyManaged(then, p.Record.Packs), nil
	}
	for _, e := range history.Entries {
		if e.Kind == state.KindRollback || e.Kind == state.KindRelease {
			continue
		}
		then, err := history.At(p.Record, e.Serial-1)
		if err != nil {
			return nil, err
		}
		changed := map[pack.Ref]state.Pack{}
		for _, change := range e.Packs {
			if recorded, managed := p.Record.Packs[change.Ref]; managed {
				changed[change.Ref] = recorded
			}
		}
		for ref := range then {
			if _, ok := changed[ref]; !ok {
				delete(then, ref)
			}
		}
		return p.onlyManaged(then, changed), nil
	}
	return nil, errors.New("there is nothing to roll back: no apply is recorded" + because(history.End))
}

func because(end string) string {
	if end == "" {
		return ""
	}
	return " (" + end + ")"
}

// onlyManaged leaves out what a rollback does not do: it neither installs packs
// that are gone nor removes packs that are new. It says so.
func (p *Planned) onlyManaged(then map[pack.Ref]state.Generation, now map[pack.Ref]state.Pack) map[pack.Ref]state.Generation {
	var gone, added []string
	for _, ref := range slices.Sorted(maps.Keys(then)) {
		if _, managed := now[ref]; !managed {
			gone = append(gone, string(ref))
			delete(then, ref)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		if _, was := then[ref]; !was {
			added = append(added, string(ref))
		}
	}
	if len(gone) > 0 {
		p.Notes = append(p.Notes, "not managed any more, and not brought back by a rollback (declare them again): "+strings.Join(gone, ", "))
	}
	if len(added) > 0 {
		p.Notes = append(p.Notes, "installed since, and not removed by a rollback (take them out of the declaration): "+strings.Join(added, ", "))
	}
	return then
}

// takeBack turns the generations into what is desired, once the disk was looked at.
func (p *Planned) takeBack(d *desired) error {
	g, hold := *d.generation, d.hold
	recorded := p.Record.Packs[d.pack.Ref]
	if err := p.goBack(d, g, hold); err != nil {
		return err
	}
	if err := p.takeBackConfig(d, g, recorded.Config); err != nil {
		return err
	}
	if hold != (plan.Hold{}) && !g.SameTree(recorded.Generation()) {
		d.findings = append(d.findings, finding{
			ID: "PS-ROLLBACK", Severity: pack.Note, Resource: string(d.pack.Ref),
			Message: fmt.Sprintf("%s is held at %s until the lock pins something else. To make it permanent: %s", d.pack.Ref, describeSide(d.side), permanent(d.pack.Ref, g)),
		})
	}
	return nil
}

// takeBackConfig chooses the config of a rollback: with --with-config the one of
// then, else the one that is there, whatever is declared meanwhile. Where that
// was edited by hand or is gone, on_drift counts as in any plan.
func (p *Planned) takeBackConfig(d *desired, g state.Generation, recorded *state.Config) error {
	onDisk, there := p.Observed.Configs[d.pack.Ref]
	switch owned := recorded != nil && recorded.Owned; {
	case p.world.opts.Rollback.WithConfig && g.Config != "":
		data, err := p.configOf(d.pack.Ref, g.Config)
		if err != nil {
			return err
		}
		d.config, d.side.Config, d.pack.Config = data, g.Config, nil
	case !owned:
		d.pack.Config = nil
	case there && p.key.HMAC(onDisk.Bytes) == recorded.HMAC:
		d.config, d.side.Config, d.pack.Config = onDisk.Bytes, recorded.HMAC, nil
	default:
		return d.render(p.key)
	}
	return nil
}

// permanent is the edit that makes a rollback last.
func permanent(ref pack.Ref, g state.Generation) string {
	if g.Commit == "" {
		return fmt.Sprintf("bring the directory %s back to that content", g.Source)
	}
	return fmt.Sprintf("write %s in pack %q, then run packsync lock", selectorText(g.Ref, g.Commit), ref)
}

// selectorText is the argument that selects a commit and nothing else.
func selectorText(ref string, commit pack.Commit) string {
	if tag, isTag := strings.CutPrefix(ref, "refs/tags/"); isTag {
		if version, ok := pack.ParseTagVersion(tag); ok && version.Prerelease() == "" {
			return fmt.Sprintf("version = %q", "= "+strings.TrimPrefix(tag, "v"))
		}
		return fmt.Sprintf("tag = %q", tag)
	}
	return fmt.Sprintf("commit = %q", commit)
}
