package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
)

// Status is the four states of every pack side by side.
type Status struct {
	Declaration
	Name       string       `json:"name"`
	Root       string       `json:"root"`
	Serial     uint64       `json:"serial"`
	Packs      []PackStatus `json:"packs"`
	Unfinished []string     `json:"unfinished"`
}

// PackStatus is one pack as it is declared, locked, recorded and observed. Nil
// parts mean "not at all".
type PackStatus struct {
	Ref        pack.Ref        `json:"ref"`
	BasePath   string          `json:"base_path"`
	Managed    bool            `json:"managed"`
	Declared   *DeclaredPack   `json:"declared"`
	RequiredBy []pack.Ref      `json:"required_by,omitempty"` // locked packs whose pack.yaml names it
	Locked     *LockedPack     `json:"locked"`
	Installed  *InstalledPack  `json:"installed"`
	Registered *RegisteredPack `json:"registered"`
	Config     string          `json:"config,omitempty"`    // owned, edited, missing, or not owned
	Overrides  string          `json:"overrides,omitempty"` // of the override file: owned, edited, missing, or not owned
	HeldBack   []string        `json:"held_back,omitempty"` // new with some version and not enabled by name since: "rule x"
	State      string          `json:"state"`               // one word: ok, not-installed, outdated, held, edited, missing, pending, stale, unmanaged, undeclared
}

// DeclaredPack is what packs.hcl says about a pack.
type DeclaredPack struct {
	Source   string `json:"source,omitempty"` // "" for a short name
	Selector string `json:"selector"`
}

// LockedPack is the pin of a pack.
type LockedPack struct {
	Version string        `json:"version,omitempty"`
	Ref     string        `json:"ref,omitempty"`
	Commit  pack.Commit   `json:"commit,omitempty"`
	Tree    pack.TreeHash `json:"tree,omitempty"`
	Source  string        `json:"source"`
	Title   string        `json:"title,omitempty"`
	Direct  bool          `json:"direct"` // declared, not only required by another pack
}

// InstalledPack is a pack on disk.
type InstalledPack struct {
	Path    string      `json:"path"`
	Version string      `json:"version,omitempty"`
	Commit  pack.Commit `json:"commit,omitempty"` // as recorded; "" for unmanaged packs
	Held    bool        `json:"held"`             // a rollback keeps it here, against the lock
	Edited  bool        `json:"edited"`
	Edits   []string    `json:"edits,omitempty"`
}

// RegisteredPack is what StackStorm was told.
type RegisteredPack struct {
	Told    bool     `json:"told"`
	Pending []string `json:"pending"`
	// Differs says what StackStorm itself reports otherwise; nil if it was not asked.
	Differs []string `json:"differs,omitempty"`
}

// ReadStatus looks at the declaration, the lock, the record and the disk, and asks
// StackStorm only if opts say so. It changes nothing.
func ReadStatus(ctx context.Context, opts Options) (*Status, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, err
	}
	if err := checkRoot(w.cfg); err != nil {
		return nil, err
	}
	lock, diags := lockfile.Read(opts.LockFile)
	if diags.HasErrors() {
		return nil, &DeclarationError{Diagnostics: diags, Files: decl.Files}
	}
	record, err := w.store.Read()
	if err != nil {
		return nil, err
	}
	p := &Planned{Declaration: decl, Lock: lock, Record: record, world: w}
	if p.key, err = w.digestKey(); err != nil {
		return nil, err
	}
	for _, declared := range w.cfg.Packs {
		p.desired = append(p.desired, desired{pack: declared, pin: resolve.Pin{}, side: plan.Side{BasePath: declared.BasePath}})
	}
	if err := w.observe(ctx, p); err != nil {
		return nil, err
	}
	s := &Status{Declaration: decl, Name: w.cfg.Name, Root: w.cfg.Host.Root, Serial: record.Serial, Packs: []PackStatus{}}
	if s.Unfinished, err = apply.Unfinished(w.work); err != nil {
		return nil, err
	}
	if s.Unfinished == nil {
		s.Unfinished = []string{}
	}
	if err := s.collect(ctx, p); err != nil {
		return nil, err
	}
	if opts.Refresh == 0 {
		return s, nil
	}
	drift, err := p.registeredDrift(ctx)
	if err != nil {
		return nil, err
	}
	for i := range s.Packs {
		r := &s.Packs[i]
		if differs := drift[r.Ref]; r.Registered != nil && len(differs) > 0 {
			r.Registered.Differs = differs
			r.State = r.word(record.Packs[r.Ref])
		}
	}
	return s, nil
}

func (s *Status) collect(ctx context.Context, p *Planned) error {
	rows := map[pack.Ref]*PackStatus{}
	row := func(ref pack.Ref, base string) *PackStatus {
		if rows[ref] == nil {
			rows[ref] = &PackStatus{Ref: ref, BasePath: base}
		}
		return rows[ref]
	}
	for _, declared := range p.Config.Packs {
		row(declared.Ref, declared.BasePath).Declared = &DeclaredPack{Source: declared.Source.String(), Selector: declared.Selector.String()}
	}
	requiredBy := p.Lock.RequiredBy()
	for ref, e := range p.Lock.Packs {
		r := row(ref, pack.DefaultBasePath)
		r.Locked = &LockedPack{Version: e.Version, Ref: e.Ref, Commit: e.Commit, Tree: e.Tree, Source: e.Source, Title: e.Title, Direct: e.Direct}
		r.RequiredBy = requiredBy[ref]
	}
	for ref, recorded := range p.Record.Packs {
		r := row(ref, recorded.BasePath)
		r.Managed, r.BasePath = true, recorded.BasePath
		if p.Config.Host.Registration.Kind != config.RegisterNone {
			r.Registered = &RegisteredPack{Told: recorded.Registered.Digest != "", Pending: append([]string{}, recorded.Registered.Pending...)}
		}
	}
	for addr, seen := range p.Observed.Packs {
		recorded, managed := p.Record.Packs[addr.Ref]
		if managed && recorded.Path != seen.Dir {
			continue
		}
		r := row(addr.Ref, addr.BasePath)
		r.Installed = &InstalledPack{Path: seen.Dir, Version: seen.Version}
		if managed {
			r.Installed.Commit = recorded.Commit
			r.Installed.Held = recorded.Hold != nil && r.Locked != nil && p.holdsOn(addr.Ref, recorded.Hold)
			if r.Installed.Edited = seen.Link || seen.Content != recorded.Content; r.Installed.Edited && !seen.Link {
				r.Installed.Edits = p.edits(ctx, addr.Ref, recorded, seen)
			}
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(rows)) {
		r := rows[ref]
		r.Config = configWord(p, ref)
		var err error
		if r.Overrides, err = p.overridesWord(ref); err != nil {
			return err
		}
		r.HeldBack = heldNames(p.Record.Packs[ref].HeldBack, func(string, string) bool { return true })
		r.State = r.word(p.Record.Packs[ref])
		s.Packs = append(s.Packs, *r)
	}
	return nil
}

// word sums a pack up: the first thing that an operator should know about it.
func (r *PackStatus) word(recorded state.Pack) string {
	wanted := r.Declared != nil || r.Locked != nil && !r.Locked.Direct
	switch {
	case !r.Managed && !wanted && r.Installed != nil:
		return "unmanaged"
	case !r.Managed && !wanted:
		return "locked-only"
	case !wanted:
		return "undeclared"
	case !r.Managed && r.Installed != nil:
		return "in-the-way"
	case !r.Managed:
		return "not-installed"
	case r.Installed == nil:
		return "missing"
	case r.Installed.Edited || r.Config == "edited" || r.Config == "missing" || r.Overrides == "edited" || r.Overrides == "missing":
		return "edited"
	case r.Installed.Held:
		return "held"
	case r.Locked == nil || r.Locked.Commit != recorded.Commit || r.Locked.Tree != "" && r.Locked.Tree != recorded.Tree:
		return "outdated"
	case r.Registered != nil && (len(r.Registered.Pending) > 0 || !r.Registered.Told):
		return "pending"
	case r.Registered != nil && len(r.Registered.Differs) > 0:
		return "stale"
	}
	return "ok"
}

func configWord(p *Planned, ref pack.Ref) string {
	onDisk, there := p.Observed.Configs[ref]
	recorded := p.Record.Packs[ref].Config
	switch {
	case recorded == nil || !recorded.Owned:
		if there {
			return "not owned"
		}
		return ""
	case !there:
		return "missing"
	case p.key.HMAC(onDisk.Bytes) != recorded.HMAC:
		return "edited"
	}
	return "owned"
}

// Find returns one pack of the status.
func (s *Status) Find(ref pack.Ref) (*PackStatus, error) {
	for i := range s.Packs {
		if s.Packs[i].Ref == ref {
			return &s.Packs[i], nil
		}
	}
	return nil, fmt.Errorf("%s is neither declared, locked, recorded nor on disk", ref)
}
