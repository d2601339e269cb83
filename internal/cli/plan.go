package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/view"
)

// planFlags are the flags that plan and apply share.
type planFlags struct {
	locked        bool
	frozen        bool
	target        []string
	exclude       []string
	allowRemovals int
	takeOver      bool
	detailedExit  bool
	failOn        string
	refresh       bool
}

func (f *planFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.locked, "locked", false, "fail (exit 4) if the lock would have to change")
	flags.BoolVar(&f.frozen, "frozen", false, "--locked and --offline together")
	flags.StringArrayVar(&f.target, "target", nil, "only this `PACK` and what it depends on; repeatable")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "all but this `PACK`; repeatable")
	flags.IntVar(&f.allowRemovals, "allow-removals", -1, "allow exactly `N` removals where the guard would block them")
	flags.BoolVar(&f.takeOver, "take-over", false, "accept a root that another declaration manages")
	flags.StringVar(&f.failOn, "fail-on", "", "fail (exit 3) if what changes in packs is `breaking`, or even caution, and not accepted")
	flags.BoolVar(&f.detailedExit, "detailed-exitcode", false, "exit 2 if there are changes, 0 if there is nothing to do")
}

func (f *planFlags) addRefresh(flags *pflag.FlagSet) {
	flags.BoolVar(&f.refresh, "refresh", false, "ask StackStorm itself what it has registered, and compare")
}

func (f *planFlags) fill(o *reconcile.Options) error {
	var err error
	if o.Target, err = refs(f.target); err != nil {
		return fmt.Errorf("--target: %w", err)
	}
	if o.Exclude, err = refs(f.exclude); err != nil {
		return fmt.Errorf("--exclude: %w", err)
	}
	if o.FailOn, err = grade(f.failOn); err != nil {
		return err
	}
	o.Locked = f.locked || f.frozen
	o.Offline = o.Offline || f.frozen
	o.AllowRemovals, o.TakeOver = f.allowRemovals, f.takeOver
	if f.refresh {
		o.Refresh = reconcile.RefreshAsked
	}
	return nil
}

func newPlan(a *app) *cobra.Command {
	var flags planFlags
	var out string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change",
		Long: "Compares what is declared and locked with what is recorded and on disk, and shows the\n" +
			"difference. Nothing is changed. Only packs that the lock does not pin yet need the network.\n" +
			"StackStorm is asked nothing, unless with --refresh: then what it reports itself is compared\n" +
			"too, so that a pack that was unloaded, an action that was deleted, or a config that was\n" +
			"changed behind the files shows as drift, and apply registers it again.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			return a.plan(ctx, flags, out)
		}),
	}
	flags.add(cmd.Flags())
	flags.addRefresh(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "save the plan to `FILE`, for apply FILE")
	return cmd
}

func (a *app) plan(ctx context.Context, flags planFlags, out string) (outcome, error) {
	opts := a.globals.options(a.streams, config.Full)
	opts.ForSaving = out != ""
	if err := flags.fill(&opts); err != nil {
		return outcome{}, err
	}
	cb, done := a.watching()
	planned, err := reconcile.Plan(ctx, opts, cb)
	done()
	if planned == nil || planned.Plan == nil {
		return outcome{}, err
	}
	result := planOutcome(planned)
	if err != nil {
		return result, err
	}
	if out != "" {
		if err := savePlan(a.globals.abs(out), planned.Plan, flags); err != nil {
			return result, err
		}
		a.note("Saved the plan. Carry out exactly this with: packsync apply %s", out)
	}
	if flags.detailedExit && !planned.Plan.Empty() {
		result.exit = ExitChanges
	}
	return result, nil
}

func planOutcome(p *reconcile.Planned) outcome {
	return outcome{
		body: view.PlanBody{Plan: p.Plan, Unfinished: append([]string{}, p.Unfinished...), Review: view.ReviewOf(p.Plan)},
		text: func(w io.Writer, style view.Style) error { return view.Plan(w, p.Plan, style) },
		msg:  view.Summary(p.Plan), warnings: p.Warnings, files: p.Files, notes: p.Notes,
	}
}

// savedPlan is the content of a plan file. It holds no values: applying it
// evaluates the declaration again and compares digests.
type savedPlan struct {
	FormatVersion int        `json:"format_version"`
	Packsync      string     `json:"packsync_version"`
	Flags         savedFlags `json:"flags"`
	Plan          *plan.Plan `json:"plan"`
}

type savedFlags struct {
	Target        []string `json:"target,omitempty"`
	Exclude       []string `json:"exclude,omitempty"`
	AllowRemovals int      `json:"allow_removals"`
	TakeOver      bool     `json:"take_over,omitempty"`
	Destroy       bool     `json:"destroy,omitempty"`
	Refresh       bool     `json:"refresh,omitempty"`
}

func savePlan(path string, p *plan.Plan, flags planFlags) error {
	data, err := json.MarshalIndent(savedPlan{
		FormatVersion: plan.FormatVersion, Packsync: Version(), Plan: p,
		Flags: savedFlags{Target: flags.target, Exclude: flags.exclude, AllowRemovals: flags.allowRemovals, TakeOver: flags.takeOver, Refresh: flags.refresh},
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	if err := safefs.OS().WriteFile(path, append(data, '\n'), safefs.Owner{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

func loadPlan(path string) (*savedPlan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	var saved savedPlan
	if err := json.Unmarshal(data, &saved); err != nil {
		return nil, fmt.Errorf("%s is not a saved plan (%w): make one with packsync plan --out FILE", path, err)
	}
	switch {
	case saved.FormatVersion > plan.FormatVersion:
		return nil, fmt.Errorf("%s was saved by packsync %s in format %d, this packsync knows %d: use the newer one", path, saved.Packsync, saved.FormatVersion, plan.FormatVersion)
	case saved.Plan == nil || saved.Plan.PlanDigest == "":
		return nil, errors.New(path + " is not a saved plan: make one with packsync plan --out FILE")
	case !saved.Plan.Sealed():
		return nil, &reconcile.StaleError{Summary: "the saved plan " + path + " was edited: its digest does not fit its content", Advice: "Make a new plan and review it."}
	}
	for _, ref := range append(saved.Flags.Target, saved.Flags.Exclude...) {
		if _, err := pack.ParseRef(ref); err != nil {
			return nil, fmt.Errorf("read the saved plan %s: %w", path, err)
		}
	}
	return &saved, nil
}
