package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
)

// told fills in what StackStorm was told of the packs that may have left something
// there: those whose content changes, and those of which the record says so.
// Where neither is the case nothing is read.
func (p *Planned) told(ctx context.Context, in *plan.Input, changes map[pack.Ref]bool) error {
	in.Told, in.NoPurge = map[pack.Ref]plan.Told{}, ""
	kind := p.Config.Host.Registration.Kind
	if kind != config.RegisterAPI {
		in.NoPurge = fmt.Sprintf("registration %q deletes nothing", kind)
	}
	for i := range p.desired {
		d := &p.desired[i]
		recorded, managed := p.Record.Packs[d.pack.Ref]
		left := recorded.Registered.Stale || slices.ContainsFunc(recorded.Registered.Pending, func(t string) bool { return t == "all" || t == "purge" })
		if !managed || !changes[d.pack.Ref] && (!left || kind == config.RegisterNone) {
			continue
		}
		told, err := p.toldOf(ctx, d, recorded)
		if err != nil {
			return err
		}
		in.Told[d.pack.Ref] = told
		in.Parts["the stale content of "+string(d.pack.Ref)+" in StackStorm"] = plan.Digest(fmt.Sprint(told.Objects), told.Unknown)
	}
	return nil
}

// toldOf finds what StackStorm may have of one pack, and what it is to have.
func (p *Planned) toldOf(ctx context.Context, d *desired, recorded state.Pack) (plan.Told, error) {
	before, why, err := p.baseline(ctx, d.pack.Ref, recorded)
	if err != nil || why != "" {
		return plan.Told{Unknown: why}, err
	}
	told := plan.Told{Objects: before.All(), Left: map[pack.Object]plan.Left{}}
	for _, s := range before.Stale {
		told.Left[s.Object] = plan.Left(s.Left)
	}
	if before.Tree == d.side.Tree {
		told.Have = before.Objects
		return told, nil
	}
	inv, err := p.wantedInventory(ctx, d)
	if err != nil {
		return told, err
	}
	if file := unreadable(inv); file != "" {
		return plan.Told{Unknown: fmt.Sprintf("packsync cannot tell what %s of the wanted version describes", file)}, nil
	}
	told.Have = inv.Objects(d.pack.Ref)
	return told, nil
}

// unreadable names a file of which it is not known what it describes. Should
// StackStorm register it all the same, that would look as if it had to go.
func unreadable(inv *content.Inventory) string {
	for _, f := range content.Refused(inv.Findings) {
		if strings.HasSuffix(f.Resource, ".yaml") || strings.HasSuffix(f.Resource, ".yml") {
			return f.Resource
		}
	}
	return ""
}

// baseline returns what StackStorm was told of a managed pack: what was written
// down then, or, for a pack that nobody wrote down, what its recorded tree
// contains, if the record says that it was registered. Else why says why it is not
// known.
func (p *Planned) baseline(ctx context.Context, ref pack.Ref, recorded state.Pack) (told *state.Told, why string, err error) {
	var damaged *state.DamagedToldError
	lost := fmt.Sprintf("nothing is written down about what StackStorm was told of %s", ref)
	told, err = p.world.store.ReadTold(ref)
	switch {
	case errors.As(err, &damaged):
		lost = damaged.Error()
	case err != nil || told != nil:
		return told, "", err
	}
	pending := recorded.Registered.Pending
	switch {
	case p.Config.Host.Registration.Kind == config.RegisterNone: // nobody is told; others register what lies there
	case recorded.Registered.Digest == "" && damaged == nil:
		return &state.Told{Ref: ref}, "", nil // it never was told anything
	case recorded.Registered.Stale || slices.Contains(pending, "purge"):
		return nil, lost, nil
	case slices.Contains(pending, "all"):
		return nil, lost + ", and its last registration did not succeed", nil
	}
	inv, err := p.recordedInventory(ctx, ref, recorded)
	if err != nil {
		return nil, fmt.Sprintf("%s, and what the version that it was told contains cannot be had (%v)", lost, err), ctx.Err()
	}
	told = &state.Told{Ref: ref, Serial: p.Record.Serial, Tree: recorded.Tree, Types: []string{"all"}, Objects: inv.Objects(ref)}
	if p.Config.Host.Registration.Kind != config.RegisterNone {
		p.derived[ref] = told
	}
	return told, "", nil
}

// recordedInventory reads what the recorded tree of a pack contains: from disk, if
// it is there unchanged, from what was kept, or from a cache.
func (p *Planned) recordedInventory(ctx context.Context, ref pack.Ref, recorded state.Pack) (*content.Inventory, error) {
	if seen, there := p.seenOf(ref, recorded.BasePath); there && seen.Content == recorded.Content {
		return p.inventories.of(seen.Tree, onDiskFiles(ctx, seen.Dir))
	}
	return p.inventories.of(recorded.Tree, func() (fs.FS, error) {
		t, _, err := p.keptTree(ctx, ref, func(m tree.Manifest) bool { return m.Tree() == recorded.Tree })
		if err == nil && t == nil {
			t, err = p.cachedTree(ctx, ref, recorded)
		}
		if err != nil {
			return nil, err
		}
		return tree.FS(t), nil
	})
}

func onDiskFiles(ctx context.Context, dir string) func() (fs.FS, error) {
	return func() (fs.FS, error) {
		t, err := tree.ReadDir(ctx, dir)
		if err != nil {
			return nil, err
		}
		return tree.FS(t), nil
	}
}

// wantedInventory reads what a pack will contain.
func (p *Planned) wantedInventory(ctx context.Context, d *desired) (*content.Inventory, error) {
	inv, err := p.inventories.of(d.side.Tree, func() (fs.FS, error) { return p.filesOf(ctx, d) })
	if err != nil {
		return nil, fmt.Errorf("read what %s contains: %w", d.pack.Ref, err)
	}
	return inv, nil
}

// objectsAfter lists what StackStorm has of a pack once it read what lies there
// after the change.
func (p *Planned) objectsAfter(ctx context.Context, d *desired, c plan.Change) ([]pack.Object, error) {
	seen, there := p.Observed.Packs[pack.Addr{BasePath: d.side.BasePath, Ref: d.pack.Ref}]
	if c.Do.Place || !there || seen.Content == d.side.Content {
		inv, err := p.wantedInventory(ctx, d)
		if err != nil {
			return nil, err
		}
		return inv.Objects(d.pack.Ref), nil
	}
	inv, err := p.inventories.of(seen.Tree, onDiskFiles(ctx, seen.Dir)) // edited, and left alone
	if err != nil {
		return nil, fmt.Errorf("read what %s contains: %w", d.pack.Ref, err)
	}
	return inv.Objects(d.pack.Ref), nil
}

// registersAnew reports whether some pack is to be registered as a whole although
// its content does not change.
func (p *Planned) registersAnew() bool {
	if p.Config.Host.Registration.Kind == config.RegisterNone {
		return false
	}
	for i := range p.desired {
		recorded, managed := p.Record.Packs[p.desired[i].pack.Ref]
		if managed && (recorded.Registered.Digest == "" || len(recorded.Registered.Pending) > 0) {
			return true
		}
	}
	return false
}

// losesTriggers reports whether trigger types may have to go, which rules of any
// pack may be on. Those that rules were on the last time wait for another reason
// to look: else every plan would.
func (p *Planned) losesTriggers(in *plan.Input) bool {
	for i := range p.desired {
		c := p.desired[i].pack
		told := in.Told[c.Ref]
		if in.NoPurge != "" || p.purgeOf(c) == plan.PurgeOff {
			continue
		}
		for _, o := range told.Objects {
			if o.Kind == pack.KindTrigger && told.Left[o] != plan.LeftInUse && !slices.Contains(told.Have, o) {
				return true
			}
		}
	}
	return false
}

// bindings fills in how packs hang together in StackStorm: whose rules are on
// whose trigger types, and which pack has an alias or policy of a name.
func bindings(in *plan.Input, w review.World) {
	in.TriggerUsers, in.KnowsUsers = map[string][]string{}, true
	in.Owners, in.Uses = map[pack.Object]pack.Ref{}, map[pack.Ref][]pack.Ref{}
	for _, p := range w.Packs {
		if p.Unread {
			in.KnowsUsers = false
		}
		if p.After == nil {
			continue
		}
		uses := map[pack.Ref]bool{}
		for _, rule := range p.After.Rules {
			of, _, _ := strings.Cut(rule.Trigger, ".")
			if on := pack.Ref(of); on != p.Ref && !on.IsSystem() {
				uses[on] = true
				in.TriggerUsers[rule.Trigger] = append(in.TriggerUsers[rule.Trigger], string(p.Ref)+"."+rule.Name)
			}
		}
		in.Uses[p.Ref] = slices.Sorted(maps.Keys(uses))
		for _, alias := range p.After.Aliases {
			in.Owners[pack.Object{Kind: pack.KindAlias, Ref: alias.Name}] = p.Ref
		}
		for _, policy := range p.After.Policies {
			in.Owners[pack.Object{Kind: pack.KindPolicy, Ref: policy.Name}] = p.Ref
		}
	}
	for _, rules := range in.TriggerUsers {
		slices.Sort(rules)
	}
}

// purgeOf is what becomes of what a new version of a pack lacks.
func (p *Planned) purgeOf(c config.Pack) plan.Purge {
	return plan.Purge(cmp.Or(c.Purge, p.Config.Host.Purge, config.PurgeOn))
}
