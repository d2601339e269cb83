package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

// Released is what ReleasePack did, and what is left to do by hand.
type Released struct {
	Declaration
	Ref        pack.Ref `json:"ref"`
	Path       string   `json:"path"`        // the files, which stay
	DeclaredAt string   `json:"declared_at"` // "packs.hcl:12" as it was; "" if it was not declared
	Locked     bool     `json:"locked"`      // there is, or was, an entry in the lock
	Edited     bool     `json:"edited"`      // declaration and lock were edited
}

// ReleasePack stops managing a pack: its record goes, everything on disk and in
// StackStorm stays. With edit its block and its lock entry go too. The record
// goes first: stopped in between, the next apply takes the pack over again, and
// never removes it.
func ReleasePack(ctx context.Context, opts Options, cb Callbacks, ref pack.Ref, edit bool) (*Released, error) {
	w, decl, err := openRoot(ctx, opts)
	if err != nil {
		return nil, err
	}
	w.cb = cb
	lock, diags := lockfile.Read(opts.LockFile)
	if diags.HasErrors() {
		return nil, &DeclarationError{Diagnostics: diags, Files: decl.Files}
	}
	r := &Released{Declaration: decl, Ref: ref}
	_, r.Locked = lock.Packs[ref]
	var file string
	var data []byte
	for _, p := range decl.Config.Packs {
		if p.Ref != ref {
			continue
		}
		r.DeclaredAt = fmt.Sprintf("%s:%d", p.Range.Filename, p.Range.Start.Line)
		if !edit {
			continue
		}
		if file, data, err = withoutPack(opts, decl, p); err != nil {
			return nil, err
		}
	}
	err = w.amend(ctx, state.KindRelease, func(record *state.Record) ([]state.HistoryPack, error) {
		recorded, managed := record.Packs[ref]
		if !managed && edit && (file != "" || r.Locked) {
			return nil, nil // a release that was stopped: the edit is left to do
		}
		r.Path = recorded.Path
		return forget(record, ref, "release")
	})
	if err != nil || !edit {
		return r, err
	}
	if file != "" {
		if err := writeDeclaration(w.disk(), file, data); err != nil {
			return r, fmt.Errorf("%s is released, but its block could not be taken out of the declaration: %w", ref, err)
		}
	}
	if r.Locked {
		entries := maps.Clone(lock.Packs)
		delete(entries, ref)
		if err := lockfile.Write(w.disk(), opts.LockFile, lock.With(entries)); err != nil {
			return r, fmt.Errorf("%s is released, but its entry could not be taken out of the lock: %w", ref, err)
		}
	}
	r.Edited = true
	return r, nil
}

// withoutPack is the file that declares a pack as it is to be without it. The
// edit is refused if the declaration would not be valid then.
func withoutPack(opts Options, decl Declaration, p config.Pack) (string, []byte, error) {
	file := decl.Config.Path(p.Range.Filename)
	src, err := os.ReadFile(file)
	if err != nil {
		return "", nil, fmt.Errorf("edit the declaration: %w", err)
	}
	data, err := config.RemovePack(src, p.Range.Filename, p)
	var group *config.GroupError
	if errors.As(err, &group) {
		return "", nil, fmt.Errorf("%w, then run packsync release %s without --edit", err, p.Ref)
	}
	if err != nil {
		return "", nil, err
	}
	if _, files, diags := config.LoadEdited(forEdit(opts), map[string][]byte{file: data}); diags.HasErrors() {
		return "", nil, &DeclarationError{Diagnostics: diags, Files: files}
	}
	return file, data, nil
}

// writeDeclaration replaces a file of the declaration, which keeps its mode and
// owner.
func writeDeclaration(disk safefs.Disk, path string, data []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	owner := safefs.Owner{Mode: info.Mode().Perm(), UID: -1, GID: -1}
	if os.Geteuid() == 0 { // nobody else may give files away
		owner.UID, owner.GID = safefs.OwnerOf(info)
	}
	return disk.WriteFile(target, data, owner)
}

// ReleaseHold lets a pack move again that a rollback holds. Nothing is installed:
// the next apply does that.
func ReleaseHold(ctx context.Context, opts Options, cb Callbacks, ref pack.Ref) (*Recorded, error) {
	w, decl, err := openRoot(ctx, opts)
	if err != nil {
		return nil, err
	}
	w.cb = cb
	result := &Recorded{Declaration: decl}
	err = w.amend(ctx, state.KindRelease, func(record *state.Record) ([]state.HistoryPack, error) {
		recorded, managed := record.Packs[ref]
		switch {
		case !managed:
			return nil, notManaged(ref)
		case recorded.Hold == nil:
			return nil, fmt.Errorf("%s is not held: there is nothing to release", ref)
		}
		recorded.Hold = nil
		record.Packs[ref], result.Record = recorded, record
		g := recorded.Generation()
		return []state.HistoryPack{{Ref: ref, Action: "release hold", Before: &g, After: &g}}, nil
	})
	return result, err
}
