package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
)

// Removed is what Remove took out.
type Removed struct {
	Declaration
	Edited   []string      `json:"files"` // files
	Packs    []RemovedPack `json:"removed"`
	Changes  []plan.LockChange
	LockFile string
}

// RemovedPack is one pack that is not declared any more.
type RemovedPack struct {
	Ref        pack.Ref   `json:"ref"`
	DeclaredAt string     `json:"declared_at"`           // "packs.hcl:12" as it was
	RequiredBy []pack.Ref `json:"required_by,omitempty"` // packs that require it, so that it stays
}

// Remove takes packs out of the declaration, and out of the lock what nobody needs
// any more. It asks nobody: no other pin moves, and what is not locked yet stays
// so. What is installed stays until the next apply.
func Remove(ctx context.Context, opts Options, cb Callbacks, refs []pack.Ref) (*Removed, error) {
	opts.Config.Mode = config.Partial
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	lock, diags := lockfile.Read(opts.LockFile)
	if diags.HasErrors() {
		return nil, &DeclarationError{Diagnostics: diags, Files: decl.Files}
	}
	packs, err := removable(decl.Config, lock, refs)
	if err != nil {
		return nil, err
	}
	edits, err := withoutPacks(w, decl.Config, packs)
	if err != nil {
		return nil, err
	}
	r := &Removed{LockFile: opts.LockFile}
	entries, err := r.judge(ctx, opts, cb, edits)
	if err != nil {
		return nil, err
	}
	required := lock.With(entries).RequiredBy()
	for _, p := range packs {
		r.Packs = append(r.Packs, RemovedPack{Ref: p.Ref, DeclaredAt: placeOf(p), RequiredBy: required[p.Ref]})
	}
	for i, e := range edits {
		// The lock is written with the last file: until then it fits what is declared.
		if i < len(edits)-1 {
			err = e.writeFile()
		} else {
			err = e.write(lock.With(entries))
		}
		if err != nil {
			return nil, err
		}
		r.Edited = append(r.Edited, e.file)
	}
	return r, nil
}

func placeOf(p config.Pack) string {
	return fmt.Sprintf("%s:%d", p.Range.Filename, p.Range.Start.Line)
}

// removable finds the declared packs, and refuses those that others depend on. All
// reasons come at once.
func removable(cfg *config.Config, lock *lockfile.File, refs []pack.Ref) ([]config.Pack, error) {
	declared := map[pack.Ref]config.Pack{}
	var names []string
	for _, p := range cfg.Packs {
		declared[p.Ref] = p
		names = append(names, string(p.Ref))
	}
	going := map[pack.Ref]bool{}
	var packs []config.Pack
	var errs []error
	for _, ref := range refs {
		p, is := declared[ref]
		switch {
		case going[ref]:
		case is:
			going[ref] = true
			packs = append(packs, p)
		default:
			errs = append(errs, fmt.Errorf("remove %s: %w", ref, notDeclared(ref, names, lock)))
		}
	}
	for _, p := range packs {
		var needed []string
		for _, other := range cfg.Packs {
			if !going[other.Ref] && slices.Contains(other.DependsOn, p.Ref) {
				needed = append(needed, fmt.Sprintf("%s (%s)", other.Ref, placeOf(other)))
			}
		}
		if len(needed) > 0 {
			errs = append(errs, fmt.Errorf("remove %s: it stands in depends_on of %s: take it out there first, or name those packs too", p.Ref, strings.Join(needed, ", ")))
		}
	}
	return packs, errors.Join(errs...)
}

// notDeclared says why there is no block to take out.
func notDeclared(ref pack.Ref, names []string, lock *lockfile.File) error {
	if entry, locked := lock.Packs[ref]; locked && !entry.Direct {
		var by []string
		for _, other := range lock.RequiredBy()[ref] {
			by = append(by, string(other))
		}
		return fmt.Errorf("it is not declared, but required by %s in pack.yaml: it goes when nothing requires it any more", strings.Join(by, ", "))
	}
	if near := nearest.Names(string(ref), names); len(near) > 0 {
		return fmt.Errorf("it is not declared (did you mean %s?)", strings.Join(near, ", "))
	}
	return errors.New("it is not declared, so there is no block to take out; packsync status says where it comes from")
}

// withoutPacks is each file of the declaration that declares one of the packs, as
// it is to be.
func withoutPacks(w *world, cfg *config.Config, packs []config.Pack) ([]*fileEdit, error) {
	byFile := map[string]*fileEdit{}
	var errs []error
	packs = slices.Clone(packs)
	slices.SortFunc(packs, func(a, b config.Pack) int { return b.Range.Start.Byte - a.Range.Start.Byte }) // from the end: places stay true
	for _, p := range packs {
		e := byFile[p.Range.Filename]
		if e == nil {
			e = &fileEdit{w: w, file: cfg.Path(p.Range.Filename)}
			data, err := os.ReadFile(e.file)
			if err != nil {
				return nil, fmt.Errorf("edit the declaration: %w", err)
			}
			e.before, e.after = data, data
			byFile[p.Range.Filename] = e
		}
		after, err := config.RemovePack(e.after, p.Range.Filename, p)
		if group, is := errors.AsType[*config.GroupError](err); is {
			err = fmt.Errorf("%w (%s)", group, placeOf(p))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", p.Ref, err))
			continue
		}
		e.after = after
	}
	var edits []*fileEdit
	for _, name := range slices.Sorted(maps.Keys(byFile)) {
		edits = append(edits, byFile[name])
	}
	return edits, errors.Join(errs...)
}

// judge reads the declaration as it is to be, and returns the entries of the lock
// that are left then.
func (r *Removed) judge(ctx context.Context, opts Options, cb Callbacks, edits []*fileEdit) (map[pack.Ref]lockfile.Entry, error) {
	changed := map[string][]byte{}
	for _, e := range edits {
		changed[e.file] = e.after
	}
	cfg, files, diags := config.LoadEdited(forEdit(opts), changed)
	if diags.HasErrors() {
		return nil, &EditedError{&DeclarationError{Diagnostics: diags, Files: files}}
	}
	r.Declaration = Declaration{Config: cfg, Files: files, Warnings: diags}
	opts.Locked = false
	w, err := open(opts, cb, r.Declaration)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p := &Planned{Declaration: r.Declaration, Record: &state.Record{}, world: w, key: state.NewKey(), trees: &treeCache{trees: map[ref]treeOf{}}}
	if err := w.resolve(ctx, p, resolve.Locked); err != nil {
		return nil, err
	}
	entries := maps.Clone(p.Lock.Packs)
	kept := p.Resolved.Changes[:0]
	for _, c := range p.Resolved.Changes {
		switch {
		case c.Kind == resolve.Removed:
			delete(entries, c.Ref)
		case c.Kind == resolve.Text && c.After != nil:
			entries[c.Ref] = *c.After
		default:
			continue // it would have to be chosen: that is for lock
		}
		kept = append(kept, c)
	}
	p.Resolved.Changes = kept
	r.Changes = lockChanges(p.Resolved)
	return entries, nil
}
