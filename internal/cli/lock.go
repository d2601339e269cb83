package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newLock(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Pin what the lock lacks; keep every pin that satisfies the declaration",
		Long: "Resolves the packs that packs.lock.json does not pin yet or whose pin no longer satisfies\n" +
			"the declaration, drops entries that nobody needs, and keeps all others as they are. It\n" +
			"needs no StackStorm and no secret. To move pins, use update.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			opts.Locked = check
			return a.lock(ctx, opts)
		}),
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 4 if the lock would change")
	return cmd
}

func newUpdate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "update [PACK…]",
		Short: "Move pins to the newest commits that satisfy the declaration",
		Long: "Asks the remotes again what the declared versions, branches and tags mean now, for the\n" +
			"named packs or for all, and writes the lock. Nothing is installed: that is apply.",
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			opts.Update = true
			named, err := refs(args)
			if err != nil {
				return outcome{}, err
			}
			if len(named) > 0 {
				opts.Packs = map[pack.Ref]bool{}
				for _, ref := range named {
					opts.Packs[ref] = true
				}
			}
			return a.lock(ctx, opts)
		}),
	}
}

// lockBody is the JSON of lock and update, after the envelope.
type lockBody struct {
	Changed     bool                        `json:"changed"`
	LockFile    string                      `json:"lock_file"`
	LockChanges []plan.LockChange           `json:"lock_changes"`
	Findings    map[pack.Ref][]pack.Finding `json:"findings"`
}

func (a *app) lock(ctx context.Context, opts reconcile.Options) (outcome, error) {
	cb, done := a.watching()
	locked, err := reconcile.Lock(ctx, opts, cb)
	done()
	if locked == nil {
		return outcome{}, err
	}
	msg := "The lock is up to date: nothing to write."
	if len(locked.Changes) > 0 {
		msg = fmt.Sprintf("Lock: %d of %d entries change.", len(locked.Changes), max(len(locked.Lock.Packs), len(locked.Changes)))
	}
	if locked.Written {
		msg = fmt.Sprintf("Lock written: %d changes, %d packs pinned.", len(locked.Changes), len(locked.Lock.Packs))
	}
	return outcome{
		body: lockBody{Changed: locked.Written, LockFile: opts.LockFile, LockChanges: locked.Changes, Findings: locked.Findings},
		msg:  msg, warnings: locked.Warnings, files: locked.Files,
		text: func(w io.Writer, style view.Style) error {
			if _, err := fmt.Fprintln(w, style.Label(msg)); err != nil {
				return err
			}
			if err := view.LockChanges(w, locked.Changes, style); err != nil {
				return err
			}
			return view.Findings(w, locked.Findings, style)
		},
	}, err
}
