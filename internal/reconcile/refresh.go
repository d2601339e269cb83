package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// Refresh says whether StackStorm itself is asked what it has registered. The
// zero Refresh asks it nothing.
type Refresh int

// The ways to ask.
const (
	RefreshAsked   Refresh = iota + 1 // what keeps it from being asked is an error
	RefreshIfCould                    // what keeps it from being asked is a note
)

// refresh fills in what StackStorm itself says that it has registered.
func (p *Planned) refresh(ctx context.Context, in *plan.Input) error {
	switch {
	case p.world.opts.Refresh == 0, p.world.opts.Refresh == RefreshIfCould && p.Config.Host.Registration.Kind != config.RegisterAPI:
		return nil
	}
	reported, err := p.reported(ctx)
	switch {
	case err == nil:
		in.Reported = reported
		in.Parts["what StackStorm has registered"] = p.reportedDigest(reported)
		return nil
	case p.world.opts.Refresh == RefreshIfCould && ctx.Err() == nil:
		p.note("StackStorm was not asked what it has registered: " + err.Error())
		return nil
	}
	return err
}

// reader is the edge to a StackStorm that can be asked.
func (w *world) reader() (st2.Reader, error) {
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	reader, can := client.(st2.Reader)
	if !can {
		return nil, fmt.Errorf("StackStorm can be asked what it has registered only through its API, and this host has registration %q: put registration \"api\" into the stackstorm block", client.Kind())
	}
	return reader, nil
}

// reported asks StackStorm, and reads what it should have: the content of the
// managed packs that are as they were recorded, and the config files of all packs.
func (p *Planned) reported(ctx context.Context) (*plan.Reported, error) {
	reader, err := p.world.reader()
	if err != nil {
		return nil, err
	}
	ctx, part := trace.Do(ctx, trace.ReadBack)
	defer part.End()
	all, err := reader.ReadBack(ctx)
	if err != nil {
		return nil, err
	}
	r := &plan.Reported{
		Packs: map[pack.Ref]plan.ReportedPack{}, Objects: map[string][]plan.ReportedObject{},
		Content: map[pack.Ref]map[string][]string{}, Configs: map[pack.Ref]plan.ReportedConfig{},
	}
	for ref, row := range all.Packs {
		r.Packs[ref] = plan.ReportedPack{Version: row.Version, Path: row.Path}
	}
	for kind, objects := range all.Objects {
		for _, o := range objects {
			r.Objects[kind] = append(r.Objects[kind], plan.ReportedObject{Ref: o.Ref, Pack: o.Pack, Name: o.Name})
		}
		slices.SortFunc(r.Objects[kind], func(a, b plan.ReportedObject) int { return cmp.Compare(a.Ref, b.Ref) })
	}
	for _, addr := range slices.SortedFunc(maps.Keys(p.Observed.Packs), compareAddrs) {
		seen := p.Observed.Packs[addr]
		recorded, managed := p.Record.Packs[addr.Ref]
		switch {
		case seen.Link, managed && (recorded.Path != seen.Dir || recorded.Content != seen.Content):
			continue
		case managed:
			inv, err := p.inventories.of(seen.Tree, func() (fs.FS, error) {
				t, err := tree.ReadDir(ctx, seen.Dir)
				return tree.FS(t), err
			})
			if err != nil {
				return nil, fmt.Errorf("read what %s contains: %w", addr.Ref, err)
			}
			r.Content[addr.Ref] = refsOf(addr.Ref, inv)
		}
		if _, known := r.Packs[addr.Ref]; !known || addr.Ref.IsSystem() {
			continue
		}
		if r.Configs[addr.Ref], err = p.reportedConfig(ctx, reader, addr.Ref); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// reportedConfig compares the config file of a pack with what StackStorm has. A
// pack without a file is asked about only where one is known to have been.
func (p *Planned) reportedConfig(ctx context.Context, reader st2.Reader, ref pack.Ref) (plan.ReportedConfig, error) {
	file, err := os.ReadFile(filepath.Join(p.Config.Host.ConfigsDir, string(ref)+".yaml"))
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return plan.ReportedConfig{}, fmt.Errorf("read the config file of %s: %w", ref, err)
	}
	recorded := p.Record.Packs[ref]
	if !there && recorded.Config == nil && recorded.Registered.Config == "" {
		return plan.ReportedConfig{}, nil
	}
	registered, err := reader.ReadConfig(ctx, ref)
	switch {
	case err != nil:
		return plan.ReportedConfig{}, err
	case !there && registered.There:
		return plan.ReportedConfig{State: plan.ConfigLeft}, nil
	case there && !registered.There:
		return plan.ReportedConfig{State: plan.ConfigUnknown}, nil
	case !there, registered.Hidden:
		return plan.ReportedConfig{}, nil
	}
	changes, err := packconfig.DiffRegistered(file, packconfig.Registered{Values: registered.Values, Mask: st2.Masked})
	if err != nil {
		return plan.ReportedConfig{State: plan.ConfigStale, Keys: []string{"the file cannot be read as YAML"}}, nil //nolint:nilerr // StackStorm cannot either: its config is another one
	}
	if len(changes) == 0 {
		return plan.ReportedConfig{}, nil
	}
	config := plan.ReportedConfig{State: plan.ConfigStale}
	for _, c := range changes {
		config.Keys = append(config.Keys, c.String())
	}
	return config, nil
}

// refsOf lists what StackStorm has after it registered a pack, by kind. A sensor
// that it counts and does not store is left out.
func refsOf(ref pack.Ref, inv *content.Inventory) map[string][]string {
	refs := map[string][]string{}
	add := func(kind, name string) { refs[kind] = append(refs[kind], string(ref)+"."+name) }
	for _, t := range inv.Triggers {
		add("triggers", t.Name)
	}
	for _, s := range inv.Sensors {
		if !lost(inv, s) {
			add("sensors", s.ClassName)
		}
	}
	for _, a := range inv.Actions {
		add("actions", a.Name)
	}
	for _, r := range inv.Rules {
		add("rules", r.Name)
	}
	for _, a := range inv.Aliases {
		add("aliases", a.Name)
	}
	for _, p := range inv.Policies {
		add("policies", p.Name)
	}
	for kind := range refs {
		refs[kind] = slices.Compact(refs[kind]) // one name in two files is one object
	}
	return refs
}

func lost(inv *content.Inventory, s content.Sensor) bool {
	return slices.ContainsFunc(inv.Findings, func(f finding) bool {
		return f.ID == content.FindingSensor && slices.ContainsFunc(f.At, func(at string) bool { return strings.HasPrefix(at, s.File+":") })
	})
}

// reportedDigest names what a plan rests on of what StackStorm said: of the
// managed packs everything, of the others which they are.
func (p *Planned) reportedDigest(r *plan.Reported) string {
	basis := plan.Reported{Packs: r.Packs, Configs: r.Configs, Objects: map[string][]plan.ReportedObject{}}
	for kind, objects := range r.Objects {
		for _, o := range objects {
			if _, managed := p.Record.Packs[o.Pack]; managed {
				basis.Objects[kind] = append(basis.Objects[kind], o)
			}
		}
	}
	data, err := json.Marshal(basis)
	if err != nil {
		panic(fmt.Sprintf("marshal what StackStorm reported: %v", err)) // plain data only: cannot fail
	}
	return plan.Digest(string(data))
}

func compareAddrs(a, b pack.Addr) int {
	return cmp.Or(cmp.Compare(a.BasePath, b.BasePath), cmp.Compare(a.Ref, b.Ref))
}
