package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [PACK…]",
		Short: "Hash every file of the installed packs and compare with record and lock",
		Long: "Reads every file of the managed packs, or of those that are named, whatever the fingerprint\n" +
			"index says, and compares their hashes with what packsync installed and with what the lock\n" +
			"pins. Exit code 2 if something differs. Nothing is asked of anybody and nothing is changed.",
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			only, err := refs(args)
			if err != nil {
				return outcome{}, err
			}
			v, err := reconcile.Verify(ctx, a.globals.options(a.streams, config.Partial), only)
			if err != nil {
				return outcome{}, err
			}
			out := outcome{
				body: verifyBody{v.Mismatches(), v.Packs}, msg: view.VerifiedSummary(v), warnings: v.Warnings, files: v.Files,
				text: func(w io.Writer, style view.Style) error { return view.Verified(w, v, style) },
			}
			if v.Mismatches() > 0 {
				out.exit = ExitChanges
			}
			return out, nil
		}),
	}
}

// verifyBody is the JSON of verify, after the envelope.
type verifyBody struct {
	Mismatches int                      `json:"mismatches"`
	Packs      []reconcile.VerifiedPack `json:"packs"`
}
