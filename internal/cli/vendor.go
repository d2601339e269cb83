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

func newVendor(a *app) *cobra.Command {
	var noWheels bool
	cmd := &cobra.Command{
		Use:   "vendor DIR",
		Short: "Write what is locked into a directory that installs without network",
		Long: "Writes the packfile of every locked commit, the index documents, the Python packages that\n" +
			"virtualenvs are made from, and a copy of the lock to DIR, which must be new, empty, or a\n" +
			"bundle from before; what is no longer needed is removed from it. Carry DIR with the\n" +
			"declaration, and give it to any command:\n\n" +
			"    packsync apply --frozen --vendor DIR\n\n" +
			"Python packages are for the Python version and platform of this host.\n" +
			"Each file is checked when it is used; `sha256sum --check SHA256SUMS` in DIR checks all.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			opts.VendorTo, opts.NoWheels = a.globals.abs(args[0]), noWheels
			cb, done := a.watching()
			v, err := reconcile.Vendor(ctx, opts, cb)
			done()
			if v == nil {
				return outcome{}, err
			}
			out := outcome{warnings: v.Warnings, files: v.Files, notes: v.Notes}
			if err != nil {
				return out, err
			}
			out.body = vendorBody{Dir: v.Dir, Commits: v.Commits, Indexes: v.Indexes, Wheels: v.Wheels, Bytes: v.Bytes}
			out.msg = fmt.Sprintf("Vendored %s, %s and %s, %s, to %s.", view.Count(v.Commits, "commit", "commits"),
				view.Count(v.Indexes, "index", "indexes"), view.Count(v.Wheels, "wheel", "wheels"), view.Bytes(v.Bytes), v.Dir)
			out.text = func(w io.Writer, style view.Style) error {
				_, err := fmt.Fprintf(w, "%s\nTo install from it without network:\n  packsync apply --frozen --vendor %s\n", style.Label(out.msg), view.Quote(args[0]))
				return err
			}
			return out, nil
		}),
	}
	cmd.Flags().BoolVar(&noWheels, "no-wheels", false, "leave Python packages out: hosts get them from an index")
	return cmd
}

// vendorBody is the JSON of vendor, after the envelope.
type vendorBody struct {
	Dir     string `json:"dir"`
	Commits int    `json:"commits"`
	Indexes int    `json:"indexes"`
	Wheels  int    `json:"wheels"`
	Bytes   int64  `json:"bytes"`
}
