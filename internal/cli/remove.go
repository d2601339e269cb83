package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newRemove(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "remove PACK…",
		Short: "Take packs out of packs.hcl and out of the lock",
		Long: "Takes the block of each pack out of the declaration, with the comment that stands right above\n" +
			"it, and out of the lock what nobody needs any more. No other pin moves, and nobody is asked.\n" +
			"What is installed stays until apply removes it. To keep a pack installed and only stop\n" +
			"managing it, use release --edit. A pack that stands in depends_on of another is refused.",
		Example: "  packsync remove jira && packsync plan",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			named, err := refs(args)
			if err != nil {
				return outcome{}, err
			}
			removed, err := reconcile.Remove(ctx, a.globals.options(a.streams, config.Partial), reconcile.Callbacks{}, named)
			if err != nil {
				return outcome{notes: editNotes(err)}, err
			}
			return outcome{
				body: removeBody{true, removed.Edited, removed.Packs, removed.LockFile, removed.Changes}, warnings: removed.Warnings, files: removed.Files,
				msg:  fmt.Sprintf("%s taken out of the declaration.", view.Count(len(removed.Packs), "pack", "packs")),
				text: func(w io.Writer, style view.Style) error { return view.Removed(w, removed, style) },
			}, nil
		}),
	}
}

// removeBody is the JSON of remove, after the envelope.
type removeBody struct {
	Changed     bool                    `json:"changed"`
	Files       []string                `json:"files"`
	Removed     []reconcile.RemovedPack `json:"removed"`
	LockFile    string                  `json:"lock_file"`
	LockChanges []plan.LockChange       `json:"lock_changes"`
}
