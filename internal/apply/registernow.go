package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/state"
)

// Registration is one pack that StackStorm is to be told about as it lies on disk.
type Registration struct {
	Ref   pack.Ref
	Dir   string
	Types []string
	Due   []string // what a success must count
	// Managed packs get Told recorded if StackStorm took it, of others nothing is.
	Managed bool
	Told    state.Registered
}

// Register tells StackStorm about packs of which nothing changes on disk, one at a
// time, and records what it took. A pack that it refuses stops no other. One that
// was refused before another was taken is tried once more: it may have needed the
// other's trigger types.
func (a *Applier) Register(ctx context.Context, base *state.Record, list []Registration) (*Report, error) {
	report := &Report{Recorded: base}
	results := make([]PackResult, len(list))
	record := next(base, base.Name)
	again := a.round(ctx, list, results, report, record)
	var rest []Registration
	for _, i := range again {
		rest = append(rest, list[i])
	}
	retried := make([]PackResult, len(rest))
	a.round(ctx, rest, retried, report, record)
	for n, i := range again {
		results[i] = retried[n]
	}
	report.Packs = results
	written, err := a.write(base, record, state.HistoryEntry{})
	if err != nil {
		return report, err
	}
	report.Recorded = written
	return report, nil
}

// round registers each once, and returns which were refused before another one
// was taken.
func (a *Applier) round(ctx context.Context, list []Registration, results []PackResult, report *Report, record *state.Record) (again []int) {
	var refused []int
	for i, r := range list {
		results[i] = PackResult{Ref: r.Ref, Action: plan.Register}
		edited, err := a.addTold(r)
		var outcome st2.Outcome
		if err == nil {
			outcome, err = a.tellStackStorm(ctx, st2.Request{Ref: r.Ref, Dir: r.Dir, Types: r.Types, Due: r.Due})
		}
		if err != nil {
			results[i].Err, results[i].Pending = interrupted(ctx, err), r.Types
			refused = append(refused, i)
			if entry, managed := record.Packs[r.Ref]; r.Managed && managed {
				entry.Registered.Pending = union(entry.Registered.Pending, r.Types)
				record.Packs[r.Ref] = entry
			}
			continue
		}
		again = append(again, refused...)
		refused = nil
		results[i].Changed, results[i].Registered = true, r.Types
		report.note(outcome.Left)
		if entry, managed := record.Packs[r.Ref]; r.Managed && managed {
			entry.Registered = r.Told
			entry.Registered.Stale = entry.Registered.Stale || edited
			record.Packs[r.Ref] = entry
		}
	}
	return again
}

// addTold writes down, before StackStorm is told, what a managed pack has on disk
// and its recorded version lacks: when the edit is gone, that has to go too.
func (a *Applier) addTold(r Registration) (edited bool, err error) {
	if !r.Managed || slices.Equal(r.Types, []string{"configs"}) {
		return false, nil
	}
	told, err := a.Store.ReadTold(r.Ref)
	var damaged *state.DamagedToldError
	if told == nil || err != nil { // then the next plan takes what the recorded version contains
		if errors.As(err, &damaged) {
			err = nil
		}
		return false, err
	}
	inv, err := content.Read(os.DirFS(r.Dir))
	if err != nil {
		return false, fmt.Errorf("read what %s contains: %w", r.Ref, err)
	}
	known := map[pack.Object]bool{}
	for _, o := range told.All() {
		known[o] = true
	}
	for _, o := range inv.Objects(r.Ref) {
		if !known[o] {
			told.Stale = append(told.Stale, state.StaleObject{Object: o})
			edited = true
		}
	}
	if !edited {
		return false, nil
	}
	return true, a.Store.WriteTold(told)
}

// tellStackStorm makes one registration. Configs go before sensors, which begin to
// run with the config that is there.
func (a *Applier) tellStackStorm(ctx context.Context, req st2.Request) (st2.Outcome, error) {
	a.tell(Event{Phase: PhaseRegister, Ref: req.Ref})
	outcome, err := a.inOrder(ctx, req)
	if err != nil {
		err = a.explain(err, req.Ref, req.Dir)
	}
	a.tell(Event{Phase: PhaseRegister, Ref: req.Ref, Done: true, Err: err})
	return outcome, err
}

func (a *Applier) inOrder(ctx context.Context, req st2.Request) (st2.Outcome, error) {
	if !slices.Contains(req.Due, "sensors") || !slices.Contains(req.Due, "configs") || !slices.Contains(req.Types, "all") {
		return a.St2.Register(ctx, req)
	}
	first := req
	first.Types = []string{"configs"}
	before, err := a.St2.Register(ctx, first)
	if err != nil {
		return before, err
	}
	outcome, err := a.St2.Register(ctx, req)
	outcome.Left = append(before.Left, outcome.Left...)
	return outcome, err
}

// note adds sentences that are not there yet.
func (r *Report) note(sentences []string) {
	for _, s := range sentences {
		if !slices.Contains(r.Notes, s) {
			r.Notes = append(r.Notes, s)
		}
	}
}
