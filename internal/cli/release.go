package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newRelease(a *app) *cobra.Command {
	var edit, takeOver bool
	cmd := &cobra.Command{
		Use:   "release PACK",
		Short: "Stop managing a pack and leave it as it is",
		Long: "Forgets a pack: its files, its config, its virtualenv and what StackStorm has registered\n" +
			"stay, and packsync does not touch them again. The block in packs.hcl has to go as well, or\n" +
			"the next apply takes the pack over again; --edit takes it out, and the entry in the lock.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			ref, err := pack.ParseRef(args[0])
			if err != nil {
				return outcome{}, err
			}
			opts := a.globals.options(a.streams, config.Full)
			opts.TakeOver = takeOver
			cb, done := a.watching()
			defer done()
			released, err := reconcile.ReleasePack(ctx, opts, cb, ref, edit)
			if err != nil {
				return outcome{}, err
			}
			return releaseOutcome(released), nil
		}),
	}
	cmd.Flags().BoolVar(&edit, "edit", false, "take the pack out of packs.hcl and of the lock too")
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "accept a root that another declaration manages")
	return cmd
}

// releaseBody is the JSON of release, after the envelope.
type releaseBody struct {
	Changed    bool     `json:"changed"`
	Ref        pack.Ref `json:"ref"`
	Path       string   `json:"path"`
	DeclaredAt string   `json:"declared_at"`
	Locked     bool     `json:"locked"`
	Edited     bool     `json:"edited"`
}

func releaseOutcome(r *reconcile.Released) outcome {
	msg := fmt.Sprintf("%s is not managed any more; %s stays as it is.", r.Ref, r.Path)
	if r.Path == "" { // it was released before, without the edit
		msg = fmt.Sprintf("%s was not managed any more.", r.Ref)
	}
	return outcome{
		body: releaseBody{true, r.Ref, r.Path, r.DeclaredAt, r.Locked, r.Edited}, msg: msg, warnings: r.Warnings, files: r.Files,
		text: func(w io.Writer, style view.Style) error { return view.Released(w, r, msg, style) },
	}
}
