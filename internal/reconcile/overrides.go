package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/override"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

// overrideFile is an override file on disk or as wanted: as the planner compares
// it, and what it says.
type overrideFile struct {
	plan.OverrideFile
	says  override.File
	bytes []byte
}

// overridesSeen reads the override file of a pack, or of all packs for
// pack.GlobalOverrides; the zero overrideFile if there is none.
func (p *Planned) overridesSeen(ref pack.Ref) (overrideFile, error) {
	dir, name := p.Config.Host.OverridesDir, string(ref)+".yaml"
	if !p.list(dir).May(name) {
		return overrideFile{}, nil
	}
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return overrideFile{}, nil
	case err != nil:
		return overrideFile{}, fmt.Errorf("read the overrides of %s: %w", ref, err)
	}
	says, err := override.Parse(data, ref)
	var unusable *override.UnusableError
	switch {
	case errors.As(err, &unusable):
		return overrideFile{OverrideFile: plan.OverrideFile{Digest: p.key.HMAC(data), Unusable: path + ": " + unusable.Error()}}, nil
	case err != nil:
		return overrideFile{}, fmt.Errorf("read the overrides of %s: %w", ref, err)
	}
	return p.overrideFile(says, data)
}

// overridesWanted renders what a file should say; nothing to say is no file.
func (p *Planned) overridesWanted(says override.File, ref pack.Ref) (overrideFile, error) {
	data, err := says.Render(ref)
	if err != nil || data == nil {
		return overrideFile{}, err
	}
	return p.overrideFile(says, data)
}

func (p *Planned) overrideFile(says override.File, data []byte) (overrideFile, error) {
	f := overrideFile{OverrideFile: plan.OverrideFile{Digest: p.key.HMAC(data), Kinds: map[string]string{}}, says: says, bytes: data}
	for kind, section := range says {
		text, err := json.Marshal(section)
		if err != nil {
			return f, fmt.Errorf("compare overrides: %w", err)
		}
		if section.Default != nil || len(section.Exceptions) > 0 {
			f.Kinds[kind] = plan.Digest(string(text))
		}
	}
	return f, nil
}

// diffOverrides says what changes from the file on disk to the wanted one.
func diffOverrides(seen, wanted overrideFile) []string {
	if seen.Unusable != "" {
		return []string{"StackStorm cannot use what is there (" + seen.Unusable + ")"}
	}
	return override.Diff(seen.says, wanted.says)
}

// declaredOverrides turns an overrides block into what a file says.
func declaredOverrides(o *config.Overrides) override.File {
	f := override.File{}
	if o == nil {
		return f
	}
	for kind, declared := range o.Kinds {
		f[kind] = override.Section{Default: declared.Default}
		for _, name := range declared.Enable {
			f.Set(kind, name.Name, true)
		}
		for _, name := range declared.Disable {
			f.Set(kind, name.Name, false)
		}
	}
	return f
}

// globalOverrides is what the planner compares of the override file of all packs.
func (p *Planned) globalOverrides() (plan.Global, error) {
	host := p.Config.Host
	declared := host.Overrides
	if p.world.opts.Destroy {
		declared = nil
	}
	seen, err := p.overridesSeen(pack.GlobalOverrides)
	if err != nil {
		return plan.Global{}, err
	}
	wanted, err := p.overridesWanted(declaredOverrides(declared), pack.GlobalOverrides)
	if err != nil {
		return plan.Global{}, err
	}
	p.allOverrides, p.allOverride = wanted.bytes, seen.Digest+wanted.Digest != ""
	g := plan.Global{
		Want: plan.Overriding{File: wanted.OverrideFile, Declared: declared != nil, Diff: diffOverrides(seen, wanted)},
		Seen: seen.OverrideFile, OnDrift: plan.OnDrift(host.OnDrift),
	}
	if p.Record.Overrides != nil {
		g.Recorded = p.Record.Overrides.HMAC
	}
	return g, nil
}

// overriding finds what is wanted of the override file of a pack: what is declared,
// and what is held back. It notes in d what has to be written and recorded.
func (p *Planned) overriding(ctx context.Context, d *desired) (want plan.Overriding, findings []finding, err error) {
	recorded := p.Record.Packs[d.pack.Ref]
	seen, err := p.overridesSeen(d.pack.Ref)
	if err != nil {
		return want, nil, err
	}
	d.overridesSeen = seen.Digest
	defer func() {
		if p.allOverride || seen.Digest+want.File.Digest+recorded.Registered.Overrides != "" { // else nothing has to be compared
			want.Kinds = p.overridable(d)
		}
	}()
	if p.world.opts.Rollback != nil {
		d.heldBack, want.AsIs = recorded.HeldBack, true
		return want, nil, nil
	}
	h := holding{Planned: p, desired: d}
	if err := h.find(ctx, seen); err != nil {
		return want, nil, fmt.Errorf("hold back what is new in %s: %w", d.pack.Ref, err)
	}
	says := declaredOverrides(d.pack.Overrides)
	for kind, names := range h.held {
		for _, name := range names {
			if _, named := says[kind].Exceptions[name]; !named {
				says.Set(kind, name, false)
			}
		}
	}
	wanted, err := p.overridesWanted(says, d.pack.Ref)
	if err != nil {
		return want, nil, err
	}
	d.overrides, d.heldBack = wanted.bytes, h.held
	want.File, want.Declared, want.Diff, want.HoldsBack = wanted.OverrideFile, d.pack.Overrides != nil, diffOverrides(seen, wanted), h.arriving
	return want, h.judge(), nil
}

// overridable lists the kinds of content that the wanted version has and that can be
// overridden; nil if that is not known.
func (p *Planned) overridable(d *desired) []string {
	types := d.due
	switch seen, there := p.seenOf(d.pack.Ref, d.side.BasePath); {
	case there && seen.Full && seen.Content == d.side.Content:
		var paths []string
		for _, f := range seen.Files() {
			paths = append(paths, f.Path)
		}
		types = content.TypesOf(paths)
	case d.size == (apply.Size{}): // its tree was not read
		return nil
	}
	kinds := []string{}
	for _, kind := range override.Kinds() {
		if slices.Contains(types, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// overridesWord sums the override file of a pack up, as configWord does its config.
func (p *Planned) overridesWord(ref pack.Ref) (string, error) {
	seen, err := p.overridesSeen(ref)
	owned := p.Record.Packs[ref].Overrides
	switch {
	case err != nil:
		return "", err
	case owned == nil && seen.Digest == "":
		return "", nil
	case owned == nil:
		return "not owned", nil
	case seen.Digest == "":
		return "missing", nil
	case seen.Digest != owned.HMAC:
		return "edited", nil
	}
	return "owned", nil
}

// named lists the names that are declared for a kind, with their places.
func named(o *config.Overrides, kind string) []config.OverrideName {
	if o == nil {
		return nil
	}
	return slices.Concat(o.Kinds[kind].Enable, o.Kinds[kind].Disable)
}

// isNamed reports whether a name is declared for a kind at all.
func isNamed(o *config.Overrides, kind, name string) bool {
	return slices.ContainsFunc(named(o, kind), func(n config.OverrideName) bool { return n.Name == name })
}

// namesOf lists what a pack contains of a kind, by the names that overrides use.
func namesOf(inv *content.Inventory, kind string) (names []string) {
	if inv == nil {
		return nil
	}
	switch kind {
	case "actions":
		for _, a := range inv.Actions {
			names = append(names, a.Name)
		}
	case "aliases":
		for _, a := range inv.Aliases {
			names = append(names, a.Name)
		}
	case "rules":
		for _, r := range inv.Rules {
			names = append(names, r.Name)
		}
	case "sensors":
		for _, s := range inv.Sensors {
			names = append(names, s.ClassName)
		}
	}
	return names
}

// contentOf reads what the wanted version of a pack contains.
func (p *Planned) contentOf(ctx context.Context, d *desired) (*content.Inventory, error) {
	inv, err := p.inventories.of(d.side.Tree, func() (fs.FS, error) { return p.filesOf(ctx, d) })
	if err != nil {
		return nil, fmt.Errorf("read what %s contains: %w", d.pack.Ref, err)
	}
	return inv, nil
}

// judgeNames finds declared names that the wanted version does not have: StackStorm
// ignores them without a word.
func judgeNames(d *desired, inv *content.Inventory) (out []finding) {
	if d.pack.Overrides == nil {
		return nil
	}
	for _, kind := range override.Kinds() {
		known := namesOf(inv, kind)
		for _, name := range named(d.pack.Overrides, kind) {
			if slices.Contains(known, name.Name) {
				continue
			}
			out = append(out, finding{
				ID: "PS-OVERRIDE-UNKNOWN", Severity: pack.Warning, Resource: string(d.pack.Ref),
				Message: fmt.Sprintf("%s has no %s %q%s, so that this override has no effect: StackStorm ignores it without a word.%s",
					d.pack.Ref, override.Singular(kind), name.Name, inVersion(d), suggestName(d, inv, kind, name.Name)),
				At: []string{fmt.Sprintf("%s:%d", name.Range.Filename, name.Range.Start.Line)},
			})
		}
	}
	return out
}

func inVersion(d *desired) string {
	if d.side.Version == "" {
		return ""
	}
	return " in " + d.side.Version
}

// suggestName says what a wrong name may have been meant for.
func suggestName(d *desired, inv *content.Inventory, kind, name string) string {
	known := namesOf(inv, kind)
	if bare, prefixed := strings.CutPrefix(name, string(d.pack.Ref)+"."); prefixed && slices.Contains(known, bare) {
		return fmt.Sprintf(" Leave the pack out of the name: %q.", bare)
	}
	for _, other := range override.Kinds() {
		if slices.Contains(namesOf(inv, other), name) {
			return fmt.Sprintf(" There is one among the %s.", other)
		}
	}
	if near := nearNames(name, known); len(near) > 0 {
		return " Did you mean " + strings.Join(near, " or ") + "?"
	}
	if len(known) == 0 {
		return fmt.Sprintf(" It has no %s at all.", kind)
	}
	return ""
}
