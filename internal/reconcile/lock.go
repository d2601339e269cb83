package reconcile

import (
	"context"
	"fmt"

	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
)

// Locked is what Lock found and wrote.
type Locked struct {
	Declaration
	Lock     *lockfile.File // as it stands now
	Changes  []plan.LockChange
	Findings map[pack.Ref][]pack.Finding
	Written  bool
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
	p := &Planned{Declaration: decl, world: w}
	err = w.resolve(ctx, p, mode)
	if p.Resolved == nil {
		return nil, err
	}
	locked := &Locked{
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
