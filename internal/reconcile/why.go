package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// Traced is where a name comes from and who refers to it.
type Traced struct {
	Declaration `json:"-"`
	Matches     []Trace `json:"matches"` // sorted by pack, kind and name; never empty
}

// Trace is one thing that has the name: a pack, or something in it.
type Trace struct {
	Kind        string   `json:"kind"` // pack, action, rule, alias, policy, sensor, trigger or workflow
	Name        string   `json:"name"` // with its pack
	Pack        ref      `json:"pack"`
	Declared    string   `json:"declared,omitempty"` // file:line of the pack block; "" for a pack that nobody declares
	Selector    string   `json:"selector,omitempty"`
	RequiredBy  []ref    `json:"required_by,omitempty"`
	Locked      *Pinned  `json:"locked"`              // nil for a pack that packsync does not manage
	Installed   *Release `json:"installed"`           // nil if it is not, or not known
	Path        string   `json:"path,omitempty"`      // of the installed pack
	At          string   `json:"at,omitempty"`        // file:line in the pack
	Contains    string   `json:"contains,omitempty"`  // of a pack: what is in it
	Details     []string `json:"details,omitempty"`   // of something in a pack: what it runs, waits for, takes
	ReferredBy  []string `json:"referred_by"`         // PACK/FILE:LINE (what)
	LeadNowhere []string `json:"broken,omitempty"`    // what it refers to and is not there
	RefersTo    []string `json:"refers_to,omitempty"` // kind and name
}

// NotFoundError reports a name that nothing has. Near holds what may have been
// meant.
type NotFoundError struct {
	Name string
	Near []string
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("nothing is called %q: no pack that is locked or installed, and no action, rule, alias, policy, sensor, trigger type or workflow in them", e.Name)
	if len(e.Near) > 0 {
		text += "\n  Did you mean " + strings.Join(e.Near, ", ") + "?"
	}
	return text
}

// Why traces a pack, or something in a pack, by its name with or without the
// pack: from the declaration to the commit to the file to who refers to it. It
// reads what is locked, and where there is a host also what is installed there.
func Why(ctx context.Context, opts Options, cb Callbacks, name string) (*Traced, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	p := &Planned{Declaration: decl, Record: &state.Record{}, world: w, key: state.NewKey(), trees: &treeCache{trees: map[ref]treeOf{}}}
	if err := w.resolve(ctx, p, resolve.Missing); err != nil {
		return nil, err
	}
	if err := w.desire(p); err != nil {
		return nil, err
	}
	if err := w.observeIfThere(ctx, p); err != nil {
		return nil, err
	}
	t := tracer{planned: p, inventories: map[ref]*content.Inventory{}}
	if err := t.gather(ctx); err != nil {
		return nil, err
	}
	traced := &Traced{Declaration: p.Declaration, Matches: t.find(name)}
	if len(traced.Matches) == 0 {
		return nil, &NotFoundError{Name: name, Near: nearest.Names(name, t.names())}
	}
	return traced, nil
}

// observeIfThere looks at the host, if this machine is one and lets this user
// look.
func (w *world) observeIfThere(ctx context.Context, p *Planned) error {
	if w.cfg.Host.Root == "" {
		return nil
	}
	if _, err := os.Stat(w.cfg.Host.Root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	record, err := w.recordIfReadable(&p.Declaration)
	if err != nil {
		return err
	}
	serial := record.Serial
	record.Serial = 0 // this command writes no index
	p.Record = record
	err = w.observe(ctx, p)
	record.Serial = serial
	if errors.Is(err, fs.ErrPermission) {
		p.Observed = nil
		p.Warnings = append(p.Warnings, diag.Warning(diag.Range{}, "Installed packs are not known", fmt.Sprintf("They cannot be read: %v.", err)))
		return nil
	}
	return err
}

// tracer holds what all packs contain.
type tracer struct {
	planned     *Planned
	inventories map[ref]*content.Inventory
	references  []review.Reference
}

func (t *tracer) gather(ctx context.Context) error {
	ctx, span := trace.Begin(ctx, trace.Review)
	defer span.End()
	p := t.planned
	cache := p.world.inventories(p.note)
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(p.world.opts.Parallel, 1))
	for i := range p.desired {
		d := &p.desired[i]
		group.Go(func() error {
			ctx, span := trace.Pack(ctx, d.pack.Ref)
			defer span.End()
			inv, err := p.inventory(ctx, cache, d.side.Tree, func(ctx context.Context) (tree.Tree, error) { return p.treeOf(ctx, d) })
			if err != nil {
				return fmt.Errorf("read what %s contains: %w", d.pack.Ref, err)
			}
			mu.Lock()
			defer mu.Unlock()
			t.inventories[d.pack.Ref] = inv
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if p.Observed != nil {
		r := reviewing{planned: p, cache: cache, unread: map[pack.Ref]finding{}}
		for addr, seen := range p.Observed.Packs {
			if t.inventories[addr.Ref] == nil && !seen.Link {
				t.inventories[addr.Ref] = r.onDisk(ctx, seen)
			}
		}
		for ref, f := range r.unread {
			p.Warnings = append(p.Warnings, diag.Warning(diag.Range{}, "A pack is not known", fmt.Sprintf("Pack %s: %s.", ref, f.Message)))
		}
	}
	for ref, inv := range t.inventories {
		if inv != nil {
			t.references = append(t.references, review.References(ref, inv)...)
		}
	}
	slices.SortFunc(t.references, func(a, b review.Reference) int { return strings.Compare(a.String(), b.String()) })
	return nil
}

// thing is something in a pack that has a name.
type thing struct {
	kind, name string
	at         content.Place
	details    []string
}

// thingsIn lists what a pack contains.
func thingsIn(inv *content.Inventory) (all []thing) {
	for _, a := range inv.Actions {
		details := []string{"runs " + strings.TrimSpace(a.RunnerType+" "+a.EntryPoint)}
		if text := parametersText(a.Parameters); text != "" {
			details = append(details, "takes "+text)
		}
		all = append(all, thing{"action", a.Name, a.Place, append(details, disabled(a.Enabled)...)})
	}
	for _, s := range inv.Sensors {
		details := []string{"runs " + s.EntryPoint}
		if len(s.TriggerTypes) > 0 {
			details = append(details, "fires "+strings.Join(s.TriggerTypes, ", "))
		}
		all = append(all, thing{"sensor", s.ClassName, s.Place, append(details, disabled(s.Enabled)...)})
	}
	for _, tr := range inv.Triggers {
		var details []string
		if tr.Sensor != "" {
			details = append(details, "comes from the sensor "+tr.Sensor)
		}
		all = append(all, thing{"trigger", tr.Name, tr.Place, details})
	}
	for _, r := range inv.Rules {
		all = append(all, thing{"rule", r.Name, r.Place, disabled(r.Enabled)})
	}
	for _, a := range inv.Aliases {
		all = append(all, thing{"alias", a.Name, a.Place, disabled(a.Enabled)})
	}
	for _, p := range inv.Policies {
		all = append(all, thing{"policy", p.Name, p.Place, append([]string{"is " + p.Type}, disabled(p.Enabled)...)})
	}
	for _, w := range inv.Workflows {
		all = append(all, thing{"workflow", strings.TrimPrefix(w.File, "actions/"), content.Place{File: w.File, Line: 1}, nil})
	}
	return all
}

func disabled(enabled bool) []string {
	if enabled {
		return nil
	}
	return []string{"is disabled"}
}

// parametersText names parameters; those that must be given are marked.
func parametersText(parameters []content.Parameter) string {
	var parts []string
	for _, p := range parameters {
		text := p.Name
		if p.Required && p.Default == "" {
			text += " (required)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// find returns everything that has the name.
func (t *tracer) find(name string) (found []Trace) {
	for ref, inv := range t.inventories {
		if string(ref) == name {
			found = append(found, t.pack(ref, inv))
		}
		if inv == nil {
			continue
		}
		for _, one := range thingsIn(inv) {
			if full := string(ref) + "." + one.name; name == full || name == one.name {
				found = append(found, t.thing(ref, full, one))
			}
		}
	}
	slices.SortFunc(found, func(a, b Trace) int {
		return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.At, b.At))
	})
	return found
}

// names lists all names, for suggestions.
func (t *tracer) names() (all []string) {
	for ref, inv := range t.inventories {
		all = append(all, string(ref))
		if inv == nil {
			continue
		}
		for _, one := range thingsIn(inv) {
			all = append(all, string(ref)+"."+one.name, one.name)
		}
	}
	return all
}

// origin fills in where a pack comes from.
func (t *tracer) origin(ref ref) Trace {
	out := Trace{Pack: ref, ReferredBy: []string{}}
	for _, d := range t.planned.desired {
		if d.pack.Ref != ref {
			continue
		}
		out.Locked = pinnedSide(d.side, d.pin.Entry.Direct)
		out.RequiredBy = inverted(t.planned.Resolved.Requires)[ref]
		if !d.pack.Range.Empty() {
			out.Declared = fmt.Sprintf("%s:%d", d.pack.Range.Filename, d.pack.Range.Start.Line)
			if d.pack.Selector != (pack.Selector{}) {
				out.Selector = d.pack.Selector.String()
			}
		}
	}
	if recorded, managed := t.planned.Record.Packs[ref]; managed {
		out.Installed, out.Path = &Release{Version: recorded.Version, Ref: recorded.Ref, Commit: recorded.Commit}, recorded.Path
		return out
	}
	if t.planned.Observed != nil {
		for addr, seen := range t.planned.Observed.Packs {
			if addr.Ref == ref {
				out.Installed, out.Path = &Release{Version: seen.Version}, seen.Dir
			}
		}
	}
	return out
}

func (t *tracer) pack(ref ref, inv *content.Inventory) Trace {
	out := t.origin(ref)
	out.Kind, out.Name = "pack", string(ref)
	if inv != nil {
		out.Contains = review.InventoryText(inv)
	}
	for _, r := range t.references {
		if to, _, _ := strings.Cut(r.To, "."); to == string(ref) && r.From != ref {
			out.ReferredBy = append(out.ReferredBy, r.String()+": "+r.Kind+" "+r.To)
		}
	}
	return out
}

func (t *tracer) thing(ref ref, full string, one thing) Trace {
	out := t.origin(ref)
	out.Kind, out.Name, out.At, out.Details = one.kind, full, one.at.String(), one.details
	for _, r := range t.references {
		switch {
		case r.To == full && r.Kind == one.kind:
			out.ReferredBy = append(out.ReferredBy, r.String())
		case r.From == ref && r.File == one.at.File && (one.kind == "workflow" || strings.HasPrefix(r.By, one.kind+" "+one.name)):
			out.RefersTo = append(out.RefersTo, r.Kind+" "+r.To)
			if t.leadsNowhere(r) {
				out.LeadNowhere = append(out.LeadNowhere, r.Kind+" "+r.To)
			}
		}
	}
	slices.Sort(out.RefersTo)
	out.RefersTo = slices.Compact(out.RefersTo)
	return out
}

// leadsNowhere tells whether a reference names something that a known pack lacks.
func (t *tracer) leadsNowhere(r review.Reference) bool {
	to, name, _ := strings.Cut(r.To, ".")
	inv := t.inventories[ref(to)]
	if inv == nil || strings.HasPrefix(r.To, "core.st2.") {
		return false
	}
	return !slices.ContainsFunc(thingsIn(inv), func(one thing) bool { return one.kind == r.Kind && one.name == name })
}
