package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
)

// Plan says what an apply would change. It writes nothing but caches. The plan is
// returned together with a *BlockedError or *StaleError where Apply would fail
// with one.
func Plan(ctx context.Context, opts Options, cb Callbacks) (*Planned, error) {
	looking, stop := context.WithCancel(ctx)
	defer stop()
	early := lookEarly(looking, opts)
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	w.ahead = early
	planned, err := w.plan(ctx, decl)
	if err != nil {
		return planned, err
	}
	if cb.Planned != nil {
		cb.Planned(planned)
	}
	return planned, w.judge(planned)
}

// lookEarly begins to look at the disk before HCL is parsed, where the declaration
// lets guess at what root; nil where not. Only a plan may: an apply looks when it
// has the lock, and what an interrupted one left is finished.
func lookEarly(ctx context.Context, opts Options) *installed.Ahead {
	root := config.ProbableRoot(opts.Config.File)
	if root == "" {
		return nil
	}
	return installed.LookAhead(ctx, indexIn(filepath.Join(root, workName)), 0)
}

// plan is the common part of Plan and Apply.
func (w *world) plan(ctx context.Context, decl Declaration) (*Planned, error) {
	if err := checkRoot(w.cfg); err != nil {
		return nil, err
	}
	looking, stop := context.WithCancel(ctx)
	defer stop() // where the plan ends early, the looking does too
	ahead := w.ahead.Current(w.indexPath())
	if ahead == nil {
		ahead = installed.LookAhead(looking, w.indexPath(), 0)
	}
	record, err := w.store.Read()
	if err != nil {
		return nil, err
	}
	if err := checkName(w.opts, w.cfg, record); err != nil {
		return nil, err
	}
	p := &Planned{Declaration: decl, Record: record, Notes: record.Notes, world: w, ahead: ahead, trees: &treeCache{trees: map[ref]treeOf{}}, derived: map[ref]*state.Told{}}
	p.inventories = w.inventories(p.note)
	if p.Unfinished, err = apply.Unfinished(w.work); err != nil {
		return nil, err
	}
	if p.key, err = w.digestKey(); err != nil {
		return nil, err
	}
	if w.opts.Rollback != nil {
		err = w.desireBack(ctx, p)
	} else if err = w.resolve(ctx, p, resolve.Missing); err == nil {
		err = w.desire(p)
	}
	if err != nil {
		return nil, err
	}
	if err := w.observe(ctx, p); err != nil {
		return nil, err
	}
	if err := w.hold(p); err != nil {
		return nil, err
	}
	if err := w.fetch(ctx, p); err != nil {
		return nil, err
	}
	if err := w.venvKeys(ctx, p); err != nil {
		return nil, err
	}
	if err := p.compute(ctx); err != nil {
		return nil, err
	}
	if len(p.Plan.Changes) > 0 {
		p.Notes = append(p.Notes, w.ownershipNotes()...)
	}
	return p, nil
}

// compute judges contents and configs, and compares.
func (p *Planned) compute(ctx context.Context) error {
	ctx, span := trace.Begin(ctx, trace.Review)
	defer span.End()
	input, err := p.input(ctx)
	if err != nil {
		return err
	}
	if err := p.review(ctx, &input); err != nil {
		return err
	}
	if err := p.refresh(ctx, &input); err != nil {
		return err
	}
	p.Plan = plan.Compute(input)
	return nil
}

// resolve reads the lock and finds what it lacks. Under --locked a lock that does
// not fit is a *StaleError before the network is used at all; p.Resolved then says
// what would change.
func (w *world) resolve(ctx context.Context, p *Planned, mode resolve.Mode) error {
	ctx, span := trace.Begin(ctx, trace.Resolve)
	defer span.End()
	lock, diags := lockfile.Read(w.opts.LockFile)
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: p.Files}
	}
	p.Lock = lock
	if w.opts.Destroy { // the lock stays as it is, for the next apply
		p.Resolved = &resolve.Result{Lock: lock}
		return nil
	}
	if w.opts.Locked {
		mode = resolve.Locked
	}
	result, diags := resolve.Resolve(ctx, resolve.Request{
		Packs: w.declared(), Lock: lock, Mode: mode, Update: w.opts.Packs,
		AcceptMovedTags: w.opts.AcceptMovedTags, AllowUnreachable: w.opts.AllowUnreachable, Precise: w.opts.Precise,
		StackStorm: w.stackstormVersion(), LockDir: w.lockDir(), Parallel: w.opts.Parallel, Event: w.cb.Resolving,
	}, w.sources, w.lookup())
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: p.Files}
	}
	p.Resolved = result
	if w.opts.Locked && len(result.Changes) > 0 {
		return lockStale(lockChanges(result), w.opts.LockFile)
	}
	p.Warnings = append(p.Warnings, diags...)
	p.Warnings = append(p.Warnings, result.Warnings...)
	return nil
}

// judge says whether the plan may be carried out: not stale, not blocked.
func (w *world) judge(p *Planned) error {
	if saved := w.opts.Saved; saved != nil && saved.PlanDigest != p.Plan.PlanDigest {
		moved := plan.Moved(saved, p.Plan)
		if len(moved) == 0 {
			moved = []string{"the flags or variables of this run differ from those of the saved plan"}
		}
		return &StaleError{Summary: "the saved plan is stale", Moved: moved, Advice: "Make a new plan and review it."}
	}
	if want := w.opts.ExpectDigest; want != "" && want != p.Plan.Digest {
		return &BlockedError{Findings: []finding{digestFinding(want, p.Plan.Digest)}}
	}
	if blocked := p.Plan.Blocked(); len(blocked) > 0 {
		return &BlockedError{Findings: blocked, Diagnostics: p.configDiagnostics(blocked), Files: p.Files}
	}
	return nil
}

func lockStale(changes []plan.LockChange, path string) error {
	var moved []string
	for _, c := range changes {
		moved = append(moved, fmt.Sprintf("%s: %s (%s)", c.Ref, c.Kind, c.Reason))
	}
	return &LockStaleError{Changes: changes, stale: &StaleError{
		Summary: "the lock " + path + " does not fit the declaration, and --locked or --frozen forbids to change it",
		Moved:   moved, Advice: "Run packsync lock, review the difference, and commit the lock.",
	}}
}

// digestKey returns the key of this root. A root that packsync never touched has
// none: then a throw-away key serves, since there is no record to compare with.
func (w *world) digestKey() (state.Key, error) {
	if w.opts.ForSaving {
		return w.store.EnsureKey()
	}
	key, err := w.store.Key()
	if errors.Is(err, state.ErrNoKey) && errors.Is(err, fs.ErrNotExist) {
		return state.NewKey(), nil
	}
	return key, err
}

// lockChanges turns what resolve found into what the plan shows.
func lockChanges(result *resolve.Result) []plan.LockChange {
	out := make([]plan.LockChange, 0, len(result.Changes))
	for _, c := range result.Changes {
		out = append(out, plan.LockChange{
			Ref: c.Ref, Kind: string(c.Kind), Before: describeEntry(c.Before), After: describeEntry(c.After), Reason: c.Reason,
		})
	}
	slices.SortFunc(out, func(a, b plan.LockChange) int { return compareRefs(a.Ref, b.Ref) })
	return out
}

func describeEntry(e *lockfile.Entry) string {
	switch {
	case e == nil:
		return ""
	case e.Commit == "":
		return e.Source
	case e.Version == "":
		return e.Commit.Short()
	default:
		return e.Version + " (" + e.Commit.Short() + ")"
	}
}
