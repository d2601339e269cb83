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
			"pins. With registration \"api\", StackStorm is asked what it has registered, unless --offline.\n" +
			"Exit code 2 if something differs. Nothing is changed.",
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			only, err := refs(args)
			if err != nil {
				return outcome{}, err
			}
			v, err := reconcile.Verify(ctx, a.globals.options(a.streams, config.Partial), only)
			if v == nil {
				return outcome{}, err
			}
			out := outcome{
				body: verifyBody{v.Mismatches(), v.Packs, v.Asked}, msg: view.VerifiedSummary(v), warnings: v.Warnings, files: v.Files,
				text: func(w io.Writer, style view.Style) error { return view.Verified(w, v, style) },
			}
			if v.Mismatches() > 0 {
				out.exit = ExitChanges
			}
			return out, err
		}),
	}
}

// verifyBody is the JSON of verify, after the envelope.
type verifyBody struct {
	Mismatches int                      `json:"mismatches"`
	Packs      []reconcile.VerifiedPack `json:"packs"`
	Asked      bool                     `json:"asked"` // StackStorm, what it has registered
}
