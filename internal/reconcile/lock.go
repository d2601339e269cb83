package reconcile

import (
	"context"
	"fmt"

	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
)

// Locked is what Lock found and wrote.
type Locked struct {
	Declaration
	Lock     *lockfile.File // as it stands now
	Changes  []plan.LockChange
	Findings map[pack.Ref][]pack.Finding
	Written  bool

	Choices []SafeChoice // of update --safe, sorted by ref; nil without it
	Others  int          // installed packs that were looked at too, though the lock does not name them
}

// Lock pins what is missing or no longer satisfies the declaration, drops what
// nobody needs, and keeps the rest; with opts.Update it moves pins instead. With
// opts.Locked it writes nothing, and returns a *StaleError together with the
// result if something would change. It needs no access to the host.
func Lock(ctx context.Context, opts Options, cb Callbacks) (*Locked, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	mode := resolve.Missing
	if opts.Update {
		mode = resolve.Update
	}
	p := &Planned{Declaration: decl, Record: &state.Record{}, world: w, key: state.NewKey(), trees: &treeCache{trees: map[ref]treeOf{}}}
	var choices []SafeChoice
	others := 0
	if opts.Safe == Unsafe {
		err = w.resolve(ctx, p, mode)
	} else {
		choices, others, err = w.updateSafely(ctx, p)
	}
	if p.Resolved == nil || err != nil && opts.Safe != Unsafe {
		return nil, err
	}
	locked := &Locked{
		Choices: choices, Others: others,
		Declaration: p.Declaration, Lock: p.Resolved.Lock, Changes: lockChanges(p.Resolved), Findings: p.Resolved.Findings,
	}
	if err != nil || len(locked.Changes) == 0 {
		return locked, err
	}
	if err := lockfile.Write(w.disk(), opts.LockFile, p.Resolved.Lock); err != nil {
		return locked, fmt.Errorf("write the lock: %w", err)
	}
	locked.Written = true
	return locked, nil
}
