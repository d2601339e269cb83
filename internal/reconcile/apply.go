package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// Applied is what an apply did.
type Applied struct {
	*Planned
	Report      *apply.Report // nil if there was nothing to do or it was not confirmed
	LockWritten bool
	Declined    bool // the user did not confirm
}

// Changed reports whether the apply changed anything.
func (a *Applied) Changed() bool {
	return a.LockWritten || a.Report != nil && a.Report.Changed()
}

// Apply plans and carries the plan out, under the run lock, after finishing what
// an interrupted apply left. The result is returned together with a
// *BlockedError, *StaleError or *PartialError; it is nil if there is no plan.
func Apply(ctx context.Context, opts Options, cb Callbacks) (*Applied, error) {
	applied, err := planAndApply(ctx, opts, cb)
	return applied, stopped(ctx, err)
}

func planAndApply(ctx context.Context, opts Options, cb Callbacks) (*Applied, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := checkRoot(w.cfg); err != nil {
		return nil, err
	}
	unlock, err := w.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if record, err := w.store.Read(); err != nil {
		return nil, err
	} else if err := checkName(opts, w.cfg, record); err != nil {
		return nil, err
	}
	applier, err := w.applier()
	if err != nil {
		return nil, err
	}
	recovering, span := trace.Begin(ctx, trace.Recover)
	recovery, err := applier.Recover(recovering)
	span.End()
	if err != nil {
		return nil, err
	}
	planned, err := w.plan(ctx, decl)
	if err != nil {
		w.tellRecovered(recovery)
		return nil, err
	}
	planned.Recovered = recovery.Notes
	for _, ref := range recovery.Finished {
		planned.Recovered = append(planned.Recovered, fmt.Sprintf("%s: finished what an interrupted apply had begun", ref))
	}
	if cb.Planned != nil {
		cb.Planned(planned)
	}
	applied := &Applied{Planned: planned}
	if err := w.judge(planned); err != nil {
		return applied, err
	}
	if planned.Plan.Empty() {
		return applied, nil
	}
	if cb.Confirm != nil {
		_, span := trace.Begin(ctx, trace.Confirm)
		yes, err := cb.Confirm(planned)
		span.End()
		if err != nil || !yes {
			applied.Declined = err == nil
			return applied, err
		}
	}
	return applied, w.carryOut(ctx, applier, applied)
}

// tellRecovered tells what recovery found and did where no plan follows that
// could say it.
func (w *world) tellRecovered(r *apply.Recovery) {
	if w.cb.Applying == nil {
		return
	}
	for _, note := range r.Notes {
		w.cb.Applying(apply.Event{Phase: apply.PhaseRecover, Text: note})
	}
}

// StoppedError says that the run was cancelled, by a signal as a rule, before it
// changed anything. After that point a run is finished, not stopped.
type StoppedError struct {
	Cause error // what cancelled it
	Err   error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped before anything was changed (%v)", e.Cause)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// stopped makes a *StoppedError of an error that only says that ctx was cancelled.
func stopped(ctx context.Context, err error) error {
	var unfinished *apply.UnfinishedError
	var partial *PartialError
	if !errors.Is(err, context.Canceled) || ctx.Err() == nil || errors.As(err, &unfinished) || errors.As(err, &partial) {
		return err
	}
	return &StoppedError{Cause: context.Cause(ctx), Err: err}
}

// carryOut stages, writes the lock, and runs.
func (w *world) carryOut(ctx context.Context, applier *apply.Applier, applied *Applied) error {
	contents, err := applied.contents(ctx)
	if err != nil {
		return err
	}
	applier.Origin.Lock = plan.Digest(string(applied.Resolved.Lock.Bytes()))
	staged, err := applier.Stage(ctx, applied.Plan, contents)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, applier.Discard(staged))
	}
	if len(applied.Plan.LockChanges) > 0 {
		if err := lockfile.Write(w.disk(), w.opts.LockFile, applied.Resolved.Lock); err != nil {
			return errors.Join(fmt.Errorf("write the lock: %w", err), applier.Discard(staged))
		}
		applied.LockWritten = true
	}
	report, err := applier.Run(ctx, staged)
	applied.Report = report
	if err != nil {
		return err
	}
	if report.Failed() {
		return &PartialError{Report: report}
	}
	return nil
}

// contents gathers what the plan needs to be carried out.
func (p *Planned) contents(ctx context.Context) (apply.Content, error) {
	c := apply.Content{
		Overrides: map[pack.Ref][]byte{pack.GlobalOverrides: p.allOverrides}, HeldBack: map[pack.Ref]map[string][]string{},
		Size: map[pack.Ref]apply.Size{}, Config: map[pack.Ref][]byte{}, ConfigOnDisk: map[pack.Ref]string{}, Due: map[pack.Ref][]string{}, DependsOn: map[pack.Ref][]pack.Ref{},
		Objects: map[pack.Ref][]pack.Object{}, Told: p.derived, PurgeConfig: map[pack.Ref]bool{},
	}
	byRef := map[pack.Ref]desired{}
	for _, d := range p.desired {
		byRef[d.pack.Ref] = d
		c.DependsOn[d.pack.Ref], c.PurgeConfig[d.pack.Ref] = d.pack.DependsOn, d.pack.PurgeConfig
		c.Size[d.pack.Ref] = d.size
		if d.config != nil {
			c.Config[d.pack.Ref] = d.config
		}
		c.Overrides[d.pack.Ref], c.HeldBack[d.pack.Ref] = d.overrides, d.heldBack
	}
	for ref, onDisk := range p.Observed.Configs {
		c.ConfigOnDisk[ref] = p.key.HMAC(onDisk.Bytes)
	}
	for _, change := range p.Plan.Changes {
		d, declared := byRef[change.Ref]
		if !declared || len(change.Do.Register)+len(change.Stale) == 0 {
			continue
		}
		objects, err := p.objectsAfter(ctx, &d, change)
		if err != nil {
			return c, err
		}
		c.Objects[change.Ref] = objects
		c.Due[change.Ref] = d.due
		if d.due == nil && !change.Do.Place {
			due, err := dueOnDisk(change.After.Path)
			if err != nil {
				return c, fmt.Errorf("look at the content of %s: %w", change.Ref, err)
			}
			c.Due[change.Ref] = due
		}
	}
	c.Tree = func(ctx context.Context, ref pack.Ref) (tree.Tree, error) {
		d := byRef[ref]
		return p.treeOf(ctx, &d)
	}
	c.Venv = func(ctx context.Context, ref pack.Ref, t tree.Tree, live, stage, final string) error {
		d := byRef[ref]
		return p.buildVenv(ctx, &d, t, live, stage, final)
	}
	return c, nil
}

func (w *world) applier() (*apply.Applier, error) {
	key, err := w.store.EnsureKey()
	if err != nil {
		return nil, err
	}
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	origin := apply.Origin{User: w.user(), Command: w.opts.Command, Host: hostName()}
	if w.opts.Rollback != nil {
		origin.Kind = state.KindRollback
	}
	return &apply.Applier{Disk: w.disk(), Store: w.store, Key: key, St2: client, Layout: w.layout(), Origin: origin, Now: time.Now, Event: w.cb.Applying}, nil
}

func (w *world) layout() apply.Layout {
	layout := apply.Layout{
		Work: w.work, Keep: w.cfg.Host.Keep, ConfigsDir: w.cfg.Host.ConfigsDir, VenvsDir: w.cfg.Host.VirtualenvsDir, OverridesDir: w.cfg.Host.OverridesDir, GID: w.gid(), ConfigUID: w.configUID(), ConfigGID: w.configGID(),
	}
	for _, base := range w.cfg.BasePaths {
		layout.Dirs = append(layout.Dirs, base.Path)
	}
	return layout
}
