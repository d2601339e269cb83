package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newCheck(a *app) *cobra.Command {
	var flags planFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say by the exit code whether the host is as declared and locked",
		Long: "Exit code 0 if apply would find nothing to do, 2 for every difference, whether apply could\n" +
			"mend it or is blocked. Errors keep their own codes. Made for unless (Puppet, Salt) and not_if\n" +
			"(Chef). Nothing is changed, and a host that is in sync needs no network,\n" +
			"unless with --refresh.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) { return a.check(ctx, flags) }),
	}
	cmd.Flags().BoolVar(&flags.locked, "locked", false, "resolve nothing: a lock that does not fit is a difference")
	cmd.Flags().BoolVar(&flags.frozen, "frozen", false, "--locked and --offline together")
	cmd.Flags().StringArrayVar(&flags.target, "target", nil, "only this `PACK` and what it depends on; repeatable")
	cmd.Flags().StringArrayVar(&flags.exclude, "exclude", nil, "all but this `PACK`; repeatable")
	flags.addRefresh(cmd.Flags())
	flags.allowRemovals = -1
	return cmd
}

func (a *app) check(ctx context.Context, flags planFlags) (outcome, error) {
	opts := a.globals.options(a.streams, config.Full)
	if err := flags.fill(&opts); err != nil {
		return outcome{}, err
	}
	planned, err := reconcile.Plan(ctx, opts, reconcile.Callbacks{})
	var unlocked *reconcile.LockStaleError
	if errors.As(err, &unlocked) {
		return notLocked(unlocked), nil
	}
	var blocked *reconcile.BlockedError
	if err != nil && !errors.As(err, &blocked) {
		return outcome{}, err
	}
	return checkOutcome(planned), nil
}

// checkOutcome judges a plan. What an interrupted apply left is a difference too:
// the next apply has to finish it.
func checkOutcome(p *reconcile.Planned) outcome {
	body := checkBody{
		InSync: p.Plan.Empty() && len(p.Unfinished) == 0 && len(p.Plan.Blocked()) == 0, Blocked: len(p.Plan.Blocked()) > 0,
		Summary: p.Plan.Summary, LockChanges: p.Plan.LockChanges, Packs: []checkPack{}, Unfinished: append([]string{}, p.Unfinished...),
	}
	for _, c := range p.Plan.Changes {
		body.Packs = append(body.Packs, checkPack{Ref: string(c.Ref), Action: c.Action, Reasons: c.Reasons})
	}
	out := outcome{
		body: body, msg: view.Summary(p.Plan), warnings: p.Warnings, files: p.Files, notes: p.Notes,
		text: func(w io.Writer, style view.Style) error { return view.Plan(w, p.Plan, style) },
	}
	if !body.InSync {
		out.exit = ExitChanges
	}
	return out
}

// notLocked is the outcome under --locked where the lock does not fit: there is
// no plan to show then.
func notLocked(e *reconcile.LockStaleError) outcome {
	body := checkBody{LockChanges: e.Changes, Packs: []checkPack{}, Unfinished: []string{}, Summary: map[plan.Action]int{}}
	return outcome{
		body: body, msg: view.Quote(e.Error()), exit: ExitChanges,
		text: func(w io.Writer, _ view.Style) error {
			_, err := fmt.Fprintln(w, view.Quote(e.Error()))
			return err
		},
	}
}

// checkBody is the JSON of check, after the envelope.
type checkBody struct {
	InSync      bool                `json:"in_sync"`
	Blocked     bool                `json:"blocked"` // apply would be blocked
	Summary     map[plan.Action]int `json:"summary"`
	Packs       []checkPack         `json:"packs"` // those that differ
	LockChanges []plan.LockChange   `json:"lock_changes"`
	Unfinished  []string            `json:"unfinished"`
}

type checkPack struct {
	Ref     string      `json:"ref"`
	Action  plan.Action `json:"action"`
	Reasons []string    `json:"reasons"`
}
