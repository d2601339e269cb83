package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newImport(a *app) *cobra.Command {
	var request reconcile.ImportRequest
	var autoApprove, takeOver bool
	cmd := &cobra.Command{
		Use:   "import [PACK…]",
		Short: "Take over packs that are installed already",
		Long: "Finds out which commit each installed pack is, from its .git or by comparing its content\n" +
			"with the tags of its source, adds blocks to packs.hcl and entries to the lock, and takes the\n" +
			"packs over as they are: no file of theirs is touched. Without arguments all packs that are\n" +
			"neither managed nor declared. A credential in a remote URL is left out.",
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			var err error
			if request.Packs, err = refs(args); err != nil {
				return outcome{}, err
			}
			if request.Source != "" && len(args) != 1 {
				return outcome{}, usageError{errors.New("--source says where one pack came from: name that PACK")}
			}
			opts := a.globals.options(a.streams, config.Full)
			opts.TakeOver = takeOver
			return a.importPacks(ctx, opts, request, autoApprove)
		}),
	}
	cmd.Flags().StringVar(&request.Source, "source", "", "the git `URL` that PACK came from")
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "accept a root that another declaration manages")
	return cmd
}

func (a *app) importPacks(ctx context.Context, opts reconcile.Options, request reconcile.ImportRequest, autoApprove bool) (outcome, error) {
	cb, done := a.watching()
	defer done()
	var printed error
	request.Adding = func(file string, blocks []byte) error {
		if a.globals.json {
			return nil
		}
		style := a.globals.style(a.streams, a.streams.OutTTY)
		_, err := fmt.Fprintf(a.streams.Out, "%s\n\n%s\n", style.Label("To be added to "+file+":"), view.Quote(string(blocks)))
		return err
	}
	cb.Planned = func(p *reconcile.Planned) { printed = a.showPlan(p) }
	cb.Confirm = func(p *reconcile.Planned) (bool, error) {
		if autoApprove || printed != nil {
			return printed == nil, printed
		}
		return a.confirm(ctx, p)
	}
	imported, err := reconcile.Import(ctx, opts, request, cb)
	done()
	if imported == nil {
		return outcome{}, err
	}
	result := importOutcome(imported)
	if err == nil && imported.Applied != nil && imported.Declined {
		err = errors.New("not imported: the answer was not yes; nothing was changed")
	}
	return result, err
}

// importBody is the JSON of import, after the envelope.
type importBody struct {
	Imported []reconcile.Identified `json:"imported"`
	Refused  []reconcile.Refused    `json:"refused"`
	File     string                 `json:"file"`
	Changed  bool                   `json:"changed"`
}

func importOutcome(r *reconcile.Imported) outcome {
	out := outcome{body: importBody{r.Packs, r.Refused, r.File, r.Written}, msg: fmt.Sprintf("%d packs taken over, %d refused", len(r.Packs), len(r.Refused))}
	if !r.Written {
		out.msg = "No pack was taken over."
	}
	if r.Applied != nil {
		out.warnings, out.files, out.notes = r.Warnings, r.Files, r.Notes
	}
	if refs := r.Credentials(); refs != "" {
		out.notes = append(out.notes, fmt.Sprintf("the URL in .git/config of these packs carries a credential, which anybody on this host may read; it was left out: %s. Where the source needs one, declare it in a credentials block", refs))
	}
	out.text = func(w io.Writer, style view.Style) error { return view.Imported(w, r, style) }
	return out
}
