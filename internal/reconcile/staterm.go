package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/state"
)

// Recorded is what the record says, and nothing else.
type Recorded struct {
	Declaration
	Record *state.Record
}

// ReadRecord reads the record of a root as it is. It changes nothing.
func ReadRecord(ctx context.Context, opts Options) (*Recorded, error) {
	w, decl, err := openRoot(ctx, opts)
	if err != nil {
		return nil, err
	}
	record, err := w.store.Read()
	if err != nil {
		return nil, err
	}
	return &Recorded{Declaration: decl, Record: record}, nil
}

// Refs lists the recorded packs in order.
func (r *Recorded) Refs() []pack.Ref { return slices.Sorted(maps.Keys(r.Record.Packs)) }

// Recover finishes or discards what an interrupted apply left behind, and does
// nothing else: what an apply begins with, for a host that comes up after a power
// cut.
func Recover(ctx context.Context, opts Options, cb Callbacks) (*apply.Recovery, error) {
	w, _, err := openRoot(ctx, opts)
	if err != nil {
		return nil, err
	}
	w.cb = cb
	_, recovery, unlock, err := w.begin(ctx)
	if err != nil {
		return recovery, err
	}
	unlock()
	return recovery, nil
}

// begin takes the run lock, refuses another declaration's root, and finishes what
// an interrupted apply left, as every command that changes the root does first.
func (w *world) begin(ctx context.Context) (*apply.Applier, *apply.Recovery, func(), error) {
	unlock, err := w.lock(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	applier, recovery, err := w.recoverLocked(ctx)
	if err != nil {
		unlock()
		return nil, recovery, nil, err
	}
	if w.cb.Recovered != nil && len(recovery.Notes) > 0 {
		w.cb.Recovered(recovery.Notes)
	}
	return applier, recovery, unlock, nil
}

func (w *world) recoverLocked(ctx context.Context) (*apply.Applier, *apply.Recovery, error) {
	record, err := w.store.Read()
	if err != nil {
		return nil, nil, err
	}
	if err := checkName(w.opts, w.cfg, record); err != nil {
		return nil, nil, err
	}
	applier, err := w.applier()
	if err != nil {
		return nil, nil, err
	}
	recovery, err := applier.Recover(ctx)
	return applier, recovery, err
}

// amend changes what the record says about packs, and nothing on disk. change
// returns what it did to each, nothing for no change; it is called under the run lock with the record
// as it then is.
func (w *world) amend(ctx context.Context, kind string, change func(*state.Record) ([]state.HistoryPack, error)) error {
	_, _, unlock, err := w.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	record, err := w.store.Read()
	if err != nil {
		return err
	}
	record.Packs = maps.Clone(record.Packs)
	done, err := change(record)
	if err != nil || len(done) == 0 {
		return err
	}
	return w.store.Commit(record, state.HistoryEntry{
		Time: time.Now(), User: w.user(), Host: hostName(), Command: w.opts.Command, Kind: kind, Name: record.Name, Packs: done,
	})
}

// forget takes a pack out of a record.
func forget(record *state.Record, ref pack.Ref, action string) ([]state.HistoryPack, error) {
	recorded, managed := record.Packs[ref]
	if !managed {
		return nil, notManaged(ref)
	}
	before := recorded.Generation()
	delete(record.Packs, ref)
	return []state.HistoryPack{{Ref: ref, Action: action, Before: &before}}, nil
}

func notManaged(ref pack.Ref) error {
	return fmt.Errorf("packsync does not manage %s: packsync state list shows what it does", ref)
}

// Forget takes a pack out of the record. Its files, its config and what
// StackStorm has registered stay.
func Forget(ctx context.Context, opts Options, cb Callbacks, ref pack.Ref) error {
	w, _, err := openRoot(ctx, opts)
	if err != nil {
		return err
	}
	w.cb = cb
	return w.amend(ctx, state.KindRelease, func(record *state.Record) ([]state.HistoryPack, error) {
		return forget(record, ref, "forget")
	})
}
