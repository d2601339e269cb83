package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
)

// UnfinishedError says that the run was stopped after its intent was durable: the
// next apply finishes it. Nothing is lost.
type UnfinishedError struct{ Err error }

func (e *UnfinishedError) Error() string {
	return "the apply could not be finished: " + e.Err.Error() + "\nMend the cause and run apply again: it finishes the job first, and nothing is lost."
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// Run carries out what was staged. The error is an *UnfinishedError if the run
// was stopped after its intent was durable; any other error means that nothing
// was changed. Packs that failed are in the report. After the intent is durable,
// cancelling ctx stops nothing on disk: it only cuts registration short, which is
// then pending.
func (a *Applier) Run(ctx context.Context, s *Staged) (*Report, error) {
	ctx, span := trace.Begin(ctx, trace.Swap)
	defer span.End()
	if err := a.writeBaselines(s); err != nil {
		return nil, errors.Join(err, a.discard(s))
	}
	in := a.intend(s)
	if len(in.Ops) > 0 {
		if err := a.writeIntent(in); err != nil {
			return nil, a.takeBack(in, s, err)
		}
	}
	results := map[pack.Ref]*PackResult{}
	for _, c := range s.plan.Changes {
		results[c.Ref] = &PackResult{Ref: c.Ref, Action: c.Action, Before: c.Before, After: c.After}
	}
	report := &Report{}
	record, err := a.runDurable(ctx, s, in, results, report)
	for _, c := range s.plan.Changes {
		report.Packs = append(report.Packs, *results[c.Ref])
	}
	report.Recorded = record
	if err != nil {
		return report, &UnfinishedError{Err: err}
	}
	return report, nil
}

// runDurable is the part of Run that the intent record protects.
func (a *Applier) runDurable(ctx context.Context, s *Staged, in *intent, results map[pack.Ref]*PackResult, report *Report) (*state.Record, error) {
	done, err := a.perform(ctx, in, report)
	if err != nil {
		return nil, err
	}
	record, err := a.commit(in, s.base, done)
	if err != nil {
		return nil, err
	}
	for ref, result := range results {
		result.Err = done.failed[ref]
		result.Changed = result.Err == nil
	}
	record, err = a.registerAll(ctx, s, record, results, report)
	return record, errors.Join(err, a.forgetTold(in, record), a.finish(ctx, in, report))
}

// intend writes down, as data, what Run does and what is recorded afterwards.
func (a *Applier) intend(s *Staged) *intent {
	in := &intent{
		FormatVersion: intentFormat, Serial: s.base.Serial, Name: s.plan.Name, Ops: s.ops,
		Records: map[pack.Ref]state.Pack{}, Gone: []pack.Ref{}, Origin: a.origin(s.plan), Actions: map[pack.Ref]plan.Action{},
	}
	for _, c := range s.plan.Changes {
		in.Actions[c.Ref] = c.Action
		if c.Ref == pack.GlobalOverrides {
			in.Overrides = &overridesRecord{File: recordOverrides(c.After)}
			continue
		}
		if c.After == nil {
			in.Gone = append(in.Gone, c.Ref)
			continue
		}
		in.Records[c.Ref] = a.recordOf(c, s.base.Packs[c.Ref], s.content)
	}
	return in
}

func (a *Applier) recordOf(c plan.Change, before state.Pack, content Content) state.Pack {
	after := before
	after.BasePath, after.Path = c.After.BasePath, c.After.Path
	after.Source, after.Subdir = c.After.Source, c.After.Subdir
	after.Commit, after.Tree, after.Content = c.After.Commit, c.After.Tree, c.After.Content
	after.Version, after.Modes, after.Ref = c.After.Version, c.After.Modes, c.After.Ref
	if after.Hold = nil; c.After.Hold != (plan.Hold{}) {
		after.Hold = &state.Hold{Commit: c.After.Hold.Commit, Tree: c.After.Hold.Tree, Config: c.After.Hold.Config}
	}
	after.DependsOn = content.DependsOn[c.Ref]
	if after.Venv = nil; c.After.Venv != "" {
		after.Venv = &state.Venv{Key: c.After.Venv}
	}
	switch {
	case c.Do.Config:
		after.Config = &state.Config{Owned: true, HMAC: a.Key.HMAC(content.Config[c.Ref])}
	case c.Do.Release:
		after.Config = nil
	case c.After.Config != "" && content.ConfigOnDisk[c.Ref] != "":
		after.Config = &state.Config{Owned: true, HMAC: content.ConfigOnDisk[c.Ref]}
	}
	after.Overrides, after.HeldBack = recordOverrides(c.After), content.HeldBack[c.Ref]
	after.PurgeConfig = content.PurgeConfig[c.Ref]
	after.Registered.Pending = slices.DeleteFunc(slices.Clone(after.Registered.Pending), func(t string) bool { return t == purging })
	if len(c.Do.Register) > 0 {
		after.Registered.Pending = c.Do.Register
	}
	return after
}

// done is what the ops came to.
type done struct {
	failed map[pack.Ref]error
	// configured holds the packs whose config file was swapped, which is true even
	// of a pack that fails afterwards.
	configured map[pack.Ref]bool
	overridden map[pack.Ref]bool // the same for override files
}

// perform carries out all ops: first what has to be unregistered, then the swaps
// in the order of the plan. A pack that fails does not stop the others, but those
// that depend on it are not touched. An error means that a pack is missing and
// has to be brought back by recovery.
func (a *Applier) perform(ctx context.Context, in *intent, report *Report) (done, error) {
	d := done{failed: map[pack.Ref]error{}, configured: map[pack.Ref]bool{}, overridden: map[pack.Ref]bool{}}
	if slices.ContainsFunc(in.Ops, func(o op) bool { return o.Unregister }) {
		a.unregisterAll(ctx, in, d, report)
	}
	for _, o := range in.Ops {
		if d.failed[o.Ref] != nil {
			continue
		}
		if on, bad := dependsOnFailed(o, in.Records[o.Ref].DependsOn, d.failed); bad {
			d.failed[o.Ref] = fmt.Errorf("not touched, because %s failed and it depends on that", on)
			continue
		}
		phase := PhaseSwap
		if o.Kind.takes() {
			phase = PhaseRemove
		}
		err := a.swap(o)
		a.tell(Event{Phase: phase, Ref: o.Ref, Text: string(o.Kind), Done: true, Err: err})
		if errors.Is(err, errHalfway) {
			return d, fmt.Errorf("%s %s: %w", o.Kind, o.Live, err)
		}
		if err != nil {
			d.failed[o.Ref] = fmt.Errorf("%s %s: %w", o.Kind, o.Live, err)
			continue
		}
		d.configured[o.Ref] = d.configured[o.Ref] || o.Kind == opConfig
		d.overridden[o.Ref] = d.overridden[o.Ref] || o.Kind == opOverrides
	}
	return d, nil
}

// unregisterAll makes StackStorm forget the packs that go, while their files are there.
func (a *Applier) unregisterAll(ctx context.Context, in *intent, d done, report *Report) {
	ctx, span := trace.Begin(ctx, trace.Unload)
	defer span.End()
	for _, o := range in.Ops {
		if !o.Unregister {
			continue
		}
		if err := a.unregister(ctx, o, report); err != nil {
			d.failed[o.Ref] = err
		}
	}
}

func dependsOnFailed(o op, dependsOn []pack.Ref, failed map[pack.Ref]error) (pack.Ref, bool) {
	for _, on := range dependsOn {
		if failed[on] != nil && !o.Kind.takes() {
			return on, true
		}
	}
	return "", false
}

func (a *Applier) unregister(ctx context.Context, o op, report *Report) error {
	if there, err := inodeIfThere(o.Live); err != nil || there == 0 {
		return err
	}
	ctx, span := trace.Pack(ctx, o.Ref)
	defer span.End()
	ctx, part := trace.Do(ctx, trace.Unregister)
	defer part.End()
	a.tell(Event{Phase: PhaseUnregister, Ref: o.Ref})
	outcome, err := a.St2.Unregister(ctx, o.Ref)
	a.tell(Event{Phase: PhaseUnregister, Ref: o.Ref, Done: true, Err: err})
	if err != nil {
		return &PendingError{Types: []string{"unload"}, Err: interrupted(ctx, err)}
	}
	report.Notes = append(report.Notes, outcome.Left...)
	return nil
}

// PendingError says that StackStorm still has to be told something.
type PendingError struct {
	Types []string
	Err   error
}

func (e *PendingError) Error() string { return e.Err.Error() }
func (e *PendingError) Unwrap() error { return e.Err }

// commit makes the directories durable and writes the record: of the packs that
// worked the new one, of the others the old one.
func (a *Applier) commit(in *intent, base *state.Record, d done) (*state.Record, error) {
	failed, configured := d.failed, d.configured
	var dirs []string
	for _, o := range in.Ops {
		dirs = append(dirs, filepath.Dir(o.Live))
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if err := a.Disk.SyncDir(dir); err != nil {
			return nil, fmt.Errorf("make the swaps durable: %w", err)
		}
	}
	record := next(base, in.Name)
	if in.Overrides != nil && failed[pack.GlobalOverrides] == nil {
		record.Overrides = in.Overrides.File
	}
	for ref, after := range in.Records {
		if failed[ref] == nil {
			record.Packs[ref] = after
		}
	}
	for _, ref := range in.Gone {
		if failed[ref] == nil {
			delete(record.Packs, ref)
		}
	}
	for ref, err := range failed {
		before, managed := record.Packs[ref]
		if !managed {
			continue
		}
		var pending *PendingError
		if errors.As(err, &pending) {
			before.Registered.Pending = union(before.Registered.Pending, pending.Types)
		}
		if configured[ref] {
			before.Config = in.Records[ref].Config
			if len(in.Records[ref].Registered.Pending) > 0 { // else nobody has to be told
				before.Registered.Pending = union(before.Registered.Pending, []string{"configs"})
			}
		}
		if d.overridden[ref] { // StackStorm is told: it differs from what is recorded of that
			before.Overrides, before.HeldBack = in.Records[ref].Overrides, in.Records[ref].HeldBack
		}
		record.Packs[ref] = before
	}
	return a.write(base, record, in.entry(base, record, failed))
}

// write writes a record if it says anything new, together with its history entry
// if there is something to tell.
func (a *Applier) write(base, record *state.Record, entry state.HistoryEntry) (*state.Record, error) {
	if samePacks(base, record) && base.Serial > 0 {
		return base, nil
	}
	write := a.Store.Write
	if len(entry.Packs) > 0 {
		write = func(record *state.Record) error { return a.Store.Commit(record, entry) }
	}
	if err := write(record); err != nil {
		return nil, fmt.Errorf("write the record: %w", err)
	}
	return record, nil
}

// finish ends the transaction: what was displaced is filed away, then the intent
// goes, then what is left in stage/, then what is too old in keep/. While
// something displaced is not filed, the intent and stage/ stay: it may be
// somebody's only copy.
func (a *Applier) finish(ctx context.Context, in *intent, report *Report) error {
	if len(in.Ops) == 0 {
		return nil
	}
	var errs []error
	for _, o := range in.Ops {
		penned, err := a.fileAway(context.WithoutCancel(ctx), o)
		if err != nil {
			errs = append(errs, err)
		}
		if penned != "" {
			report.Notes = append(report.Notes, fmt.Sprintf("%s: what was at %s and not packsync's is now at %s", o.Ref, o.Live, penned))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := a.syncFiled(in); err != nil {
		return err
	}
	if err := a.Disk.RemoveAll(a.journalPath(in.Serial)); err != nil {
		return fmt.Errorf("end the transaction: %w", err)
	}
	if err := a.Disk.SyncDir(filepath.Join(a.Layout.Work, journalDir)); err != nil {
		return fmt.Errorf("end the transaction: %w", err)
	}
	if err := a.cleanStages(); err != nil {
		return err
	}
	return a.trim(in)
}

// syncFiled makes durable where displaced things now are, before the intent that
// knows of them goes.
func (a *Applier) syncFiled(in *intent) error {
	var dirs []string
	for _, o := range in.Ops {
		for _, path := range []string{o.Keep, o.Pen} {
			if there, err := inodeIfThere(path); err != nil {
				return err
			} else if there != 0 {
				dirs = append(dirs, filepath.Dir(path))
			}
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if err := a.Disk.SyncDir(dir); err != nil {
			return fmt.Errorf("make durable what was put away: %w", err)
		}
	}
	return nil
}

// trim keeps the newest generations of each pack that was touched.
func (a *Applier) trim(in *intent) error {
	for _, o := range in.Ops {
		dir := filepath.Dir(o.Keep)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("trim %s: %w", dir, err)
		}
		byKind := map[string][]string{}
		for _, e := range entries { // sorted: the serial leads the name
			kind, _, _ := strings.Cut(e.Name()[min(9, len(e.Name())):], ".")
			byKind[kind] = append(byKind[kind], e.Name())
		}
		for _, names := range byKind {
			for len(names) > a.Layout.Keep {
				if err := a.Disk.RemoveAll(filepath.Join(dir, names[0])); err != nil {
					return fmt.Errorf("trim %s: %w", dir, err)
				}
				names = names[1:]
			}
		}
	}
	return nil
}

// next copies a record so that the copy can be changed.
func next(base *state.Record, name string) *state.Record {
	record := *base
	record.Name = cmp.Or(name, base.Name)
	record.Packs = maps.Clone(base.Packs)
	if record.Packs == nil {
		record.Packs = map[pack.Ref]state.Pack{}
	}
	return &record
}

func union(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}
