package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newRollback(a *app) *cobra.Command {
	var back reconcile.Rollback
	var autoApprove, detailedExit, takeOver, release bool
	cmd := &cobra.Command{
		Use:   "rollback [N | PACK]",
		Short: "Go back to an earlier generation, and stay there",
		Long: "Brings a pack back to its generation before the present one, or all packs to what they were\n" +
			"at serial N of packsync history. Without an argument it takes back what the newest apply\n" +
			"changed. It is a plan like any other; trees come from what was kept, or from the cache, so\n" +
			"it works offline. packs.hcl and the lock stay as they are: a hold keeps the pack where it\n" +
			"is until the lock pins something else, or until rollback --release PACK. What would make\n" +
			"it permanent is printed.",
		Args: cobra.MaximumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			if err := rollbackTarget(&back, args); err != nil {
				return outcome{}, err
			}
			if release {
				if back.Pack == "" || back.WithConfig {
					return outcome{}, usageError{errors.New("--release takes one PACK and nothing else")}
				}
				return a.releaseHold(ctx, back.Pack)
			}
			opts := a.globals.options(a.streams, config.Full)
			opts.Rollback, opts.TakeOver = &back, takeOver
			return a.carryOut(ctx, opts, autoApprove, detailedExit)
		}),
	}
	cmd.Flags().BoolVar(&back.WithConfig, "with-config", false, "bring the config files of then back too")
	cmd.Flags().BoolVar(&release, "release", false, "let PACK move again; the next apply brings it to what the lock pins")
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "accept a root that another declaration manages")
	cmd.Flags().BoolVar(&detailedExit, "detailed-exitcode", false, "exit 2 if something was changed, 0 if there is nothing to do")
	return cmd
}

// rollbackTarget tells a serial from a pack: what has only digits is a serial.
func rollbackTarget(back *reconcile.Rollback, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if serial, err := strconv.ParseUint(args[0], 10, 64); err == nil {
		back.Serial = &serial
		return nil
	}
	ref, err := pack.ParseRef(args[0])
	if err != nil {
		return err
	}
	back.Pack = ref
	return nil
}

// releaseHoldBody is the JSON of rollback --release, after the envelope.
type releaseHoldBody struct {
	Changed bool     `json:"changed"`
	Ref     pack.Ref `json:"ref"`
}

func (a *app) releaseHold(ctx context.Context, ref pack.Ref) (outcome, error) {
	cb, done := a.watching()
	defer done()
	recorded, err := reconcile.ReleaseHold(ctx, a.globals.options(a.streams, config.Full), cb, ref)
	if err != nil {
		return outcome{}, err
	}
	msg := fmt.Sprintf("%s is not held any more: the next apply brings it to what the lock pins.", ref)
	return outcome{
		body: releaseHoldBody{Changed: true, Ref: ref}, msg: msg, warnings: recorded.Warnings, files: recorded.Files,
		text: func(w io.Writer, _ view.Style) error { _, err := fmt.Fprintln(w, msg); return err },
	}, nil
}
