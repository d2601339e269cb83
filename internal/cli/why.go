package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "why NAME",
		Short: "Trace a pack, action or rule from its declaration to who refers to it",
		Long: "Says where a pack, or an action, rule, alias, policy, sensor, trigger type or workflow in one,\n" +
			"comes from: the line that declares its pack, the commit that is locked, what is installed,\n" +
			"the file, and every rule, alias, policy and workflow that refers to it. NAME is a pack,\n" +
			"PACK.NAME, or NAME alone for what has that name in any pack.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			cb, done := a.watching()
			traced, err := reconcile.Why(ctx, a.globals.options(a.streams, config.Partial), cb, args[0])
			done()
			if err != nil {
				return outcome{}, err
			}
			return outcome{
				body: traced, msg: fmt.Sprintf("%s: %s.", args[0], view.Count(len(traced.Matches), "match", "matches")), warnings: traced.Warnings, files: traced.Files,
				text: func(w io.Writer, style view.Style) error { return view.Why(w, traced, style) },
			}, nil
		}),
	}
}
