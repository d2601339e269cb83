package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/state"
)

// Verified is what hashing every file of the managed packs found.
type Verified struct {
	Declaration
	Packs []VerifiedPack
	Asked bool // StackStorm said that what it has registered is what is on disk, or what is not
}

// VerifiedPack is one pack as it is recorded, locked and on disk.
type VerifiedPack struct {
	Ref      pack.Ref      `json:"ref"`
	Path     string        `json:"path,omitempty"`
	OK       bool          `json:"ok"`
	Observed pack.TreeHash `json:"observed,omitempty"` // of the files on disk
	Recorded pack.TreeHash `json:"recorded,omitempty"`
	Locked   pack.TreeHash `json:"locked,omitempty"`
	Problems []string      `json:"problems"`        // sentences, the first one first to be looked at
	Files    []string      `json:"files,omitempty"` // that were edited, where that is known
}

// Mismatches counts the packs that are not as recorded and locked.
func (v *Verified) Mismatches() int {
	n := 0
	for _, p := range v.Packs {
		if !p.OK {
			n++
		}
	}
	return n
}

// Verify hashes every file of the named packs, or of all that are managed or
// locked, and compares them with the record and the lock, and, unless offline,
// with what StackStorm reports through its API. It trusts no fingerprint and
// changes nothing. An error that comes with a result is about StackStorm only.
func Verify(ctx context.Context, opts Options, only []pack.Ref) (*Verified, error) {
	decl, unasked, err := loadToAsk(ctx, opts)
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
	if err := checkName(opts, w.cfg, record); err != nil {
		return nil, err
	}
	p := &Planned{Declaration: decl, Lock: lock, Record: record, world: w}
	if p.key, err = w.digestKey(); err != nil {
		return nil, err
	}
	refs, err := verifiable(record, lock, only)
	if err != nil {
		return nil, err
	}
	seen, err := w.hash(ctx, p, refs)
	if err != nil {
		return nil, err
	}
	v := &Verified{Declaration: decl, Packs: []VerifiedPack{}}
	for _, ref := range refs {
		v.Packs = append(v.Packs, p.verify(ctx, ref, seen))
	}
	if opts.Offline || w.cfg.Host.Registration.Kind != config.RegisterAPI || len(v.Packs) == 0 {
		return v, nil
	}
	if unasked == nil {
		unasked = v.askStackStorm(ctx, p)
	}
	if unasked != nil {
		return v, fmt.Errorf("the disk was verified, but StackStorm was not asked what it has registered: %w (--offline verifies the disk only)", unasked)
	}
	return v, nil
}

// askStackStorm adds what StackStorm has registered otherwise.
func (v *Verified) askStackStorm(ctx context.Context, p *Planned) error {
	drift, err := p.registeredDrift(ctx)
	if err != nil {
		return err
	}
	v.Asked = true
	for i := range v.Packs {
		pk := &v.Packs[i]
		pk.Problems = append(pk.Problems, drift[pk.Ref]...)
		pk.OK = len(pk.Problems) == 0
	}
	return nil
}

// verifiable lists the packs to look at. A name that means none is an error: it
// must not look like "as it should be".
func verifiable(record *state.Record, lock *lockfile.File, only []pack.Ref) ([]pack.Ref, error) {
	all := map[pack.Ref]bool{}
	for ref := range record.Packs {
		all[ref] = true
	}
	for ref := range lock.Packs {
		all[ref] = true
	}
	for _, ref := range only {
		if !all[ref] {
			return nil, fmt.Errorf("cannot verify %s: it is neither locked nor managed by packsync", ref)
		}
	}
	if len(only) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(only))), nil
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// hash reads every file of the recorded packs among refs. The answer is by
// directory.
func (w *world) hash(ctx context.Context, p *Planned, refs []pack.Ref) (map[string]installed.Pack, error) {
	request := installed.Request{Full: map[pack.Addr]bool{}, ConfigsDir: w.cfg.Host.ConfigsDir, GID: w.gid(), Parallel: w.opts.Parallel}
	for _, base := range w.cfg.BasePaths {
		request.BasePaths = append(request.BasePaths, installed.BasePath{Name: base.Name, Path: base.Path})
	}
	for _, ref := range refs {
		recorded, managed := p.Record.Packs[ref]
		if !managed {
			continue
		}
		base, err := baseOf(&request, recorded)
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", ref, err)
		}
		request.Full[pack.Addr{BasePath: base, Ref: ref}] = true
		request.Configs = append(request.Configs, ref)
	}
	observed, err := installed.Inspect(ctx, request)
	if err != nil {
		return nil, err
	}
	p.Observed = observed
	seen := map[string]installed.Pack{}
	for _, pk := range observed.Packs {
		seen[pk.Dir] = pk
	}
	return seen, nil
}

// verify compares one pack with its record and its pin.
func (p *Planned) verify(ctx context.Context, ref pack.Ref, all map[string]installed.Pack) VerifiedPack {
	recorded, managed := p.Record.Packs[ref]
	entry, locked := p.Lock.Packs[ref]
	v := VerifiedPack{Ref: ref, Path: recorded.Path, Recorded: recorded.Tree, Locked: entry.Tree, Problems: []string{}}
	problem := func(format string, args ...any) { v.Problems = append(v.Problems, fmt.Sprintf(format, args...)) }
	if !managed {
		problem("it is locked and was never installed by packsync")
		return v
	}
	seen, there := all[recorded.Path]
	v.Observed = seen.Tree
	switch {
	case !there:
		problem("its directory %s is gone", recorded.Path)
	case seen.Link:
		problem("its directory %s is a symbolic link now", recorded.Path)
	case seen.Content != recorded.Content:
		problem("its files differ from what packsync installed")
		v.Files = p.edits(ctx, ref, recorded, seen)
	case recorded.Modes == plan.PlacedModes && seen.Tree != recorded.Tree:
		problem("its files have other executable bits than packsync gave them")
	case recorded.Modes == plan.PlacedModes && len(seen.Odd) > 0:
		problem("modes or owners differ from those that packsync gave")
		v.Files = seen.Odd
	}
	switch {
	case recorded.Hold != nil: // a rollback put it where it is
	case !locked:
		problem("it is installed and no longer locked")
	case entry.Tree != "" && entry.Tree != recorded.Tree:
		problem("the lock pins another tree (commit %s, installed is %s)", entry.Commit.Short(), cmp.Or(recorded.Commit.Short(), "a plain directory"))
	}
	switch configWord(p, ref) {
	case "edited":
		problem("its config file %s was edited", filepath.Join(p.Config.Host.ConfigsDir, string(ref)+".yaml"))
	case "missing":
		problem("its config file %s is gone", filepath.Join(p.Config.Host.ConfigsDir, string(ref)+".yaml"))
	}
	overrides, err := p.overridesWord(ref)
	switch file := filepath.Join(p.Config.Host.OverridesDir, string(ref)+".yaml"); {
	case err != nil:
		problem("its override file cannot be read: %v", err)
	case overrides == "edited":
		problem("its override file %s was edited", file)
	case overrides == "missing":
		problem("its override file %s is gone", file)
	}
	v.OK = len(v.Problems) == 0
	return v
}
