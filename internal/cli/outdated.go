package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newOutdated(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "outdated",
		Short: "Show what is installed and locked beside what the sources offer",
		Long: "Asks every source which versions it has, and shows for each pack what is installed, what\n" +
			"is locked, what update would pin, and the newest release whatever is declared. Nothing is\n" +
			"fetched or written. A tag that names another commit than the lock is shown as moved-tag.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			cb, done := a.watching()
			o, err := reconcile.FindOutdated(ctx, a.globals.options(a.streams, config.Partial), cb)
			done()
			if o == nil {
				return outcome{}, err
			}
			return outcome{
				body: outdatedBody{o.Packs}, msg: view.OutdatedSummary(o), warnings: o.Warnings, files: o.Files,
				text: func(w io.Writer, style view.Style) error { return view.Outdated(w, o, style) },
			}, err
		}),
	}
}

// outdatedBody is the JSON of outdated, after the envelope.
type outdatedBody struct {
	Packs []reconcile.OutdatedPack `json:"packs"`
}
