package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newIndex(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Look at the pack indexes, or build one",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newIndexHealth(a))
	return cmd
}

func newIndexHealth(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask every declared index how it is",
		Long: "Fetches every index and says which are valid, with the fields of StackStorm's own health\n" +
			"endpoint. A copy in the cache does not count. Exit code 1 if an index is not valid.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			h, decl, err := reconcile.IndexHealth(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			out := outcome{
				body: h, msg: view.HealthSummary(h), warnings: decl.Warnings, files: decl.Files,
				text: func(w io.Writer, style view.Style) error { return view.Health(w, h, style) },
			}
			if h.Indexes.Invalid > 0 {
				return out, errors.New(view.HealthSummary(h))
			}
			return out, nil
		}),
	}
}
