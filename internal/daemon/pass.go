package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/view"
)

// cause is why a pass runs.
type cause struct {
	why   string   // start, edit, poke, retry, sweep, declaration, newer, interval
	paths []string // of an edit
	fetch bool     // ask the repository of the declaration first
	// refresh asks StackStorm too what it has registered, if it can be asked.
	refresh bool
}

// Outcome sums a pass up in one word.
type Outcome string

// The outcomes, the good ones first.
const (
	InSync  Outcome = "in-sync" // nothing to do
	Applied Outcome = "applied" // changes were made
	Waiting Outcome = "waiting" // there are changes that nobody approved
	Blocked Outcome = "blocked" // the plan must not be carried out
	Stale   Outcome = "stale"   // the lock or the root does not fit the declaration
	Busy    Outcome = "busy"    // another run holds the lock
	Partial Outcome = "partial" // some packs failed, or their registration is pending
	Failed  Outcome = "failed"  // nothing was changed
)

// Outcomes lists them all.
func Outcomes() []Outcome {
	return []Outcome{InSync, Applied, Waiting, Blocked, Stale, Busy, Partial, Failed}
}

// result is what one pass came to.
type result struct {
	outcome Outcome
	reason  string // why changes wait
	planned *reconcile.Planned
	report  *apply.Report
	locked  bool // the lock was written
	err     error
}

// pass runs the pipeline once. Whatever comes of it, the daemon goes on.
func (d *daemon) pass(ctx context.Context, why cause) {
	if ctx.Err() != nil {
		return
	}
	began := time.Now()
	d.board.begin(began, began.Add(d.opts.Timing.Pass))
	passing, cancel := context.WithTimeout(ctx, d.opts.Timing.Pass)
	defer cancel()
	r := d.reconcile(passing, why)
	if ctx.Err() != nil && r.report == nil {
		d.board.idle()
		return // it was stopped before it came to anything
	}
	took := time.Since(began)
	d.board.end(r, why, began, took)
	d.tell(r, why, took)
	d.schedule(r.outcome)
	d.tellManager(r)
}

// reconcile is the pass itself: what is followed is renewed before anything is
// read, so that an edit during the pass shows as a difference after it.
func (d *daemon) reconcile(ctx context.Context, why cause) result {
	if d.opts.Git != nil && why.fetch {
		if _, err := d.checkOut(ctx); err != nil {
			d.tellAway(ctx, err)
			if d.opts.Run.Config.File == "" {
				return result{outcome: Failed, err: err}
			}
		}
	}
	opts := d.opts.Run
	if why.refresh {
		opts.Refresh = reconcile.RefreshIfCould
	}
	read := readings{}
	opts.Config.ReadFile = read.read
	// What is followed can be told without secrets, which a pass asks for once.
	partial := opts
	partial.Config.Mode = config.Partial
	decl, err := reconcile.Load(ctx, partial)
	if err == nil {
		d.targets = named(decl.Config)
		d.canAsk = decl.Config.Host.Registration.Kind == config.RegisterAPI
	}
	d.watcher.Follow(append(append(inputs(opts), read.targets()...), d.targets...))
	seen, lookErr := d.watcher.Look(ctx)
	if lookErr != nil {
		return result{outcome: Failed, err: lookErr}
	}
	d.print = seen
	d.tellProblems()
	if err != nil {
		return result{outcome: Failed, err: err}
	}
	if !d.opts.Approve && decl.Config.AutoApprove == nil {
		planned, err := reconcile.Plan(ctx, opts, d.callbacks())
		r := judged(planned, err)
		if r.outcome == InSync && !planned.Plan.Empty() {
			r.outcome, r.reason = Waiting, refusal(planned.Plan, false, nil)
		}
		return r
	}
	var refused string
	cb := d.callbacks()
	cb.Confirm = func(p *reconcile.Planned) (bool, error) {
		refused = refusal(p.Plan, d.opts.Approve, p.Config.AutoApprove)
		return refused == "", nil
	}
	applied, err := reconcile.Apply(ctx, opts, cb)
	if applied == nil {
		return judged(nil, err)
	}
	r := judged(applied.Planned, err)
	r.report, r.locked = applied.Report, applied.LockWritten
	switch {
	case applied.Declined:
		r.outcome, r.reason = Waiting, refused
	case r.outcome == InSync && applied.Changed():
		r.outcome = Applied
	}
	return r
}

// callbacks notes progress: a pass that gets on is alive.
func (d *daemon) callbacks() reconcile.Callbacks {
	return reconcile.Callbacks{
		Applying: func(e apply.Event) {
			if e.Done && e.Err == nil {
				d.opts.Log.Debug("step", "phase", string(e.Phase), "pack", string(e.Ref))
			}
		},
	}
}

// judged turns the error of the pipeline into an outcome.
func judged(p *reconcile.Planned, err error) result {
	r := result{planned: p, err: err, outcome: Failed}
	var (
		blocked    *reconcile.BlockedError
		stale      *reconcile.StaleError
		locked     *state.LockedError
		partial    *reconcile.PartialError
		unfinished *apply.UnfinishedError
	)
	switch {
	case err == nil:
		r.outcome = InSync
	case errors.As(err, &partial), errors.As(err, &unfinished):
		r.outcome = Partial
	case errors.As(err, &blocked):
		r.outcome = Blocked
	case errors.As(err, &stale):
		r.outcome = Stale
	case errors.As(err, &locked):
		r.outcome = Busy
	}
	return r
}

// schedule decides when to come back without being asked.
func (d *daemon) schedule(o Outcome) {
	d.sweep.Reset(jitter(d.opts.Timing.Sweep))
	d.retry.Stop()
	if o != Failed && o != Partial && o != Busy {
		d.retries = 0
		return
	}
	wait := d.opts.Timing.Retry
	for range d.retries {
		if wait *= 2; wait >= d.opts.Timing.Most {
			wait = d.opts.Timing.Most
			break
		}
	}
	d.retries++
	d.retry.Reset(jitter(wait))
}

// tell writes one line for the pass and one for each change.
func (d *daemon) tell(r result, why cause, took time.Duration) {
	log := d.opts.Log.With("cause", why.why)
	attrs := []any{"outcome", string(r.outcome), "took", took.Round(time.Millisecond).String()}
	if len(why.paths) > 0 {
		attrs = append(attrs, "edited", few(why.paths))
	}
	if c := d.board.commit(); c != "" {
		attrs = append(attrs, "declaration", c.Short())
	}
	if r.planned != nil && r.planned.Plan != nil {
		attrs = append(attrs, "summary", view.Summary(r.planned.Plan), "digest", r.planned.Plan.Digest)
	}
	if r.reason != "" {
		attrs = append(attrs, "reason", r.reason)
	}
	switch {
	case r.err == nil && r.outcome == Waiting:
		log.Warn("pass", attrs...)
	case r.err == nil:
		log.Info("pass", attrs...)
	default:
		log.Error("pass", append(attrs, "error", firstLine(r.err))...)
	}
	if why.refresh && r.planned != nil {
		for _, note := range r.planned.Notes {
			log.Warn("note", "text", note)
		}
	}
	d.tellMistakes(log, r)
	d.tellChanges(log, r)
}

// tellMistakes writes one line for each mistake in the user's files, and for each
// finding that blocks: what to mend stands in them.
func (d *daemon) tellMistakes(log *slog.Logger, r result) {
	var decl *reconcile.DeclarationError
	if errors.As(r.err, &decl) {
		for _, j := range diag.JSON(decl.Diagnostics) {
			attrs := []any{"summary", j.Summary, "detail", j.Detail}
			if j.File != "" && j.Range != nil {
				attrs = append(attrs, "at", fmt.Sprintf("%s:%d", j.File, j.Range.Start.Line))
			}
			log.Error("declaration", attrs...)
		}
	}
	var stale *reconcile.LockStaleError
	if errors.As(r.err, &stale) {
		for _, c := range stale.Changes {
			log.Warn("lock change that is not made", "pack", string(c.Ref), "change", c.Kind, "reason", c.Reason)
		}
	}
	var blocked *reconcile.BlockedError
	if errors.As(r.err, &blocked) {
		for _, f := range blocked.Findings {
			log.Error("blocked", "pack", f.Resource, "finding", f.ID, "message", f.Message)
		}
	}
	if r.planned != nil {
		for _, note := range r.planned.Recovered {
			log.Warn("recovered", "note", note)
		}
	}
}

func (d *daemon) tellChanges(log *slog.Logger, r result) {
	if r.report != nil {
		d.said = ""
		if r.locked {
			for _, c := range r.planned.Plan.LockChanges {
				log.Info("lock", "pack", string(c.Ref), "change", c.Kind, "before", c.Before, "after", c.After, "reason", c.Reason)
			}
		}
		for _, p := range r.report.Packs {
			attrs := append([]any{"pack", string(p.Ref), "action", string(p.Action)}, versions(p.Before, p.After)...)
			if len(p.Registered) > 0 {
				attrs = append(attrs, "registered", strings.Join(p.Registered, ","))
			}
			if len(p.Pending) > 0 {
				attrs = append(attrs, "pending", strings.Join(p.Pending, ","))
			}
			if p.Err != nil {
				log.Error("change", append(attrs, "error", p.Err)...)
			} else {
				log.Info("change", attrs...)
			}
		}
		for _, note := range r.report.Notes {
			log.Info("note", "text", note)
		}
		return
	}
	if r.planned == nil || r.planned.Plan == nil || r.planned.Plan.PlanDigest == d.said {
		return // told already, and nothing is different
	}
	d.said = r.planned.Plan.PlanDigest
	for _, c := range r.planned.Plan.Changes {
		attrs := append([]any{"pack", string(c.Ref), "action", string(c.Action)}, versions(c.Before, c.After)...)
		log.Info("change that is not made", append(attrs, "reasons", strings.Join(c.Reasons, "; "))...)
	}
	for _, c := range r.planned.Plan.LockChanges {
		log.Info("lock change that is not made", "pack", string(c.Ref), "change", c.Kind, "before", c.Before, "after", c.After, "reason", c.Reason)
	}
}

func versions(before, after *plan.Side) []any {
	var out []any
	describe := func(key string, s *plan.Side) {
		if s != nil {
			text := s.Version
			if s.Commit != "" {
				text += " (" + s.Commit.Short() + ")"
			}
			out = append(out, key, strings.TrimSpace(text))
		}
	}
	describe("before", before)
	describe("after", after)
	return out
}

func few(paths []string) string {
	const most = 5
	if len(paths) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], " "), len(paths)-most)
	}
	return strings.Join(paths, " ")
}

// firstLine is an error in one line of the log. The mistakes in the user's files
// have lines of their own.
func firstLine(err error) string {
	var decl *reconcile.DeclarationError
	if errors.As(err, &decl) {
		if n := len(decl.Diagnostics); n != 1 {
			return fmt.Sprintf("%d mistakes in the declaration, or in what it asks for", n)
		}
		return "a mistake in the declaration, or in what it asks for"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// tellManager says to systemd what an operator reads in its status.
func (d *daemon) tellManager(r result) {
	text := string(r.outcome)
	if r.planned != nil && r.planned.Plan != nil {
		text += ": " + view.Summary(r.planned.Plan)
	} else if r.err != nil {
		text += ": " + firstLine(r.err)
	}
	d.notify("STATUS=" + text)
	if d.board.becameReady() {
		d.notify("READY=1")
	}
}

// pendingOf lists the packs of which StackStorm has to be told something.
func pendingOf(record *state.Record) []pack.Ref {
	var out []pack.Ref
	for ref, p := range record.Packs {
		if len(p.Registered.Pending) > 0 {
			out = append(out, ref)
		}
	}
	return out
}
