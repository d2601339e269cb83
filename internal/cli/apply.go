package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

// applyOptions are the flags of apply and destroy beyond those of plan.
type applyOptions struct {
	planFlags
	autoApprove  bool
	expectDigest string
	planFile     string
	destroy      bool
}

func newApply(a *app) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Change the host to what is declared and locked",
		Long: "Plans, asks for confirmation, and carries the plan out: every pack is staged and verified\n" +
			"beside its target and swapped in in one step. With PLANFILE exactly that plan is carried\n" +
			"out, or refused (exit 4) if anything moved since it was made.",
		Args: cobra.MaximumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			if len(args) == 1 {
				o.planFile = args[0]
			}
			return a.apply(ctx, o)
		}),
	}
	o.planFlags.add(cmd.Flags())
	o.addRefresh(cmd.Flags())
	cmd.Flags().BoolVar(&o.autoApprove, "auto-approve", false, "do not ask for confirmation")
	cmd.Flags().StringVar(&o.expectDigest, "expect-digest", "", "fail (exit 3) unless the desired digest is `DIGEST`")
	return cmd
}

func newDestroy(a *app) *cobra.Command {
	o := applyOptions{destroy: true}
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Remove every pack that packsync manages",
		Long: "Removes every managed pack, as if nothing were declared. packs.hcl, the lock, config files\n" +
			"and packs that packsync did not install stay.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) { return a.apply(ctx, o) }),
	}
	o.planFlags.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.autoApprove, "auto-approve", false, "do not ask for confirmation")
	return cmd
}

func (a *app) apply(ctx context.Context, o applyOptions) (outcome, error) {
	opts := a.globals.options(a.streams, config.Full)
	if err := o.load(a, &opts); err != nil {
		return outcome{}, err
	}
	return a.carryOut(ctx, opts, o.autoApprove, o.detailedExit)
}

// carryOut plans, asks, and carries the plan out.
func (a *app) carryOut(ctx context.Context, opts reconcile.Options, autoApprove, detailedExit bool) (outcome, error) {
	cb, done := a.watching()
	defer done()
	var printed error
	cb.Planned = func(p *reconcile.Planned) { printed = a.showPlan(p) }
	cb.Confirm = func(p *reconcile.Planned) (bool, error) {
		if autoApprove || opts.Saved != nil || printed != nil {
			return printed == nil, printed
		}
		return a.confirm(ctx, p)
	}
	applied, err := reconcile.Apply(ctx, opts, cb)
	done()
	if applied == nil {
		return outcome{}, err
	}
	result := applyOutcome(applied, view.Took(a.trace.Snapshot()))
	switch {
	case err != nil:
	case applied.Declined:
		return result, errors.New("not applied: the answer was not yes; nothing was changed")
	case detailedExit && applied.Changed():
		result.exit = ExitChanges
	}
	return result, err
}

// load fills the options from the flags, and from the saved plan if there is one.
func (o *applyOptions) load(a *app, opts *reconcile.Options) error {
	if o.planFile != "" {
		if len(o.target)+len(o.exclude) > 0 || o.allowRemovals >= 0 {
			return usageError{errors.New("--target, --exclude and --allow-removals are part of a saved plan and cannot be given with it")}
		}
		saved, err := loadPlan(a.globals.abs(o.planFile))
		if err != nil {
			return err
		}
		o.target, o.exclude, o.allowRemovals = saved.Flags.Target, saved.Flags.Exclude, saved.Flags.AllowRemovals
		o.takeOver, o.destroy = o.takeOver || saved.Flags.TakeOver, saved.Flags.Destroy
		o.refresh = o.refresh || saved.Flags.Refresh
		opts.Saved = saved.Plan
	}
	opts.ExpectDigest, opts.Destroy = o.expectDigest, o.destroy
	return o.planFlags.fill(opts)
}

// showPlan prints the plan before anything is done about it. In JSON it is part
// of the one document at the end.
func (a *app) showPlan(p *reconcile.Planned) error {
	if a.globals.json {
		return nil
	}
	style := a.globals.style(a.streams, a.streams.OutTTY)
	var err error
	a.aside(func() {
		for _, note := range p.Recovered {
			if _, err = fmt.Fprintf(a.streams.Out, "Recovered: %s\n", view.Quote(note)); err != nil {
				return
			}
		}
		err = view.Plan(a.streams.Out, p.Plan, style)
	})
	return err
}

// confirm waits for the word yes, on a terminal only.
func (a *app) confirm(ctx context.Context, p *reconcile.Planned) (bool, error) {
	if !a.streams.InTTY || a.globals.noInput || a.globals.json {
		return false, errors.New("there are changes and nobody to confirm them: give --auto-approve, or a saved plan; nothing was changed")
	}
	style := a.globals.style(a.streams, a.streams.ErrTTY)
	if !a.streams.OutTTY { // the plan went to a file: nobody approves what they cannot see
		if err := view.Plan(a.streams.Err, p.Plan, style); err != nil {
			return false, err
		}
	}
	if _, err := fmt.Fprintf(a.streams.Err, "\n%s\n  Only yes is taken as an approval: ", style.Label("Carry out this plan?")); err != nil {
		return false, err
	}
	answer, err := a.readLine(ctx)
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(answer) == "yes", nil
}

// readLine reads one line of what a person types, or less at the end of the
// input. A read from a terminal cannot be cancelled, so one that ctx cuts short
// is left behind: the process is about to end.
func (a *app) readLine(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(a.streams.In).ReadString('\n')
		typed <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		a.note("")
		return "", ctx.Err()
	case l := <-typed:
		if errors.Is(l.err, io.EOF) {
			l.err = nil
		}
		return l.text, l.err
	}
}

func applyOutcome(applied *reconcile.Applied, took string) outcome {
	p := applied.Planned
	return outcome{
		body: view.NewApplyBody(p.Plan, applied.Report, applied.Changed()), warnings: p.Warnings, files: p.Files,
		msg: view.Summary(p.Plan), notes: p.Notes,
		text: func(w io.Writer, style view.Style) error {
			if applied.Report == nil {
				return nil
			}
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
			return view.Report(w, applied.Report, took, style)
		},
	}
}
