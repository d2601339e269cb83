package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/view"
)

func newHistory(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "Show who changed what, when, and from which lock",
		Long: "Lists the applies, rollbacks, imports and releases of this root, the newest first. Their\n" +
			"serials are what rollback N takes. It changes nothing.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			past, err := reconcile.ReadHistory(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			return outcome{
				body: historyBody{past.Serial, past.Entries, past.End}, msg: fmt.Sprintf("%d entries", len(past.Entries)),
				warnings: past.Warnings, files: past.Files,
				text: func(w io.Writer, style view.Style) error { return view.History(w, past, style) },
			}, nil
		}),
	}
}

// historyBody is the JSON of history, after the envelope.
type historyBody struct {
	Serial  uint64               `json:"serial"`
	History []state.HistoryEntry `json:"history"`
	End     string               `json:"end"`
}
