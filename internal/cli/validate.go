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

func newValidate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the declaration, without network and without a host",
		Long: "Reads packs.hcl and everything it names and reports all mistakes at once. Variables without\n" +
			"a value are taken as unknown.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			decl, err := reconcile.Load(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			msg := fmt.Sprintf("The declaration is valid: %s, %s.",
				view.Count(len(decl.Config.Packs), "pack", "packs"), view.Count(len(decl.Config.BasePaths), "base path", "base paths"))
			return outcome{
				msg: msg, warnings: decl.Warnings, files: decl.Files,
				text: func(w io.Writer, _ view.Style) error { _, err := fmt.Fprintln(w, msg); return err },
			}, nil
		}),
	}
}
