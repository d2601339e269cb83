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

func newStatus(a *app) *cobra.Command {
	var refresh bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show declared, locked, installed and registered side by side",
		Long:  "Looks at the declaration, the lock, the record and the disk. It asks neither the network\nnor, without --refresh, StackStorm, and changes nothing.",
		Args:  cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			if refresh {
				opts = a.globals.options(a.streams, config.Full)
				opts.Refresh = reconcile.RefreshAsked
			}
			s, err := reconcile.ReadStatus(ctx, opts)
			if err != nil {
				return outcome{}, err
			}
			return outcome{
				body: statusBody{s.Name, s.Root, s.Serial, s.Packs, s.Unfinished}, msg: view.StatusSummary(s), warnings: s.Warnings, files: s.Files,
				text: func(w io.Writer, style view.Style) error { return view.Status(w, s, style) },
			}, nil
		}),
	}
	cmd.Flags().BoolVar(&refresh, "refresh", false, "ask StackStorm itself what it has registered, and compare")
	return cmd
}

func newList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the packs that packsync manages",
		Long:  "Lists the managed packs with version and commit. With --verbose also those on disk that\npacksync did not install.",
		Args:  cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			s, err := reconcile.ReadStatus(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			var packs []reconcile.PackStatus
			for _, p := range s.Packs {
				if p.Managed || a.globals.verbose && p.Installed != nil {
					packs = append(packs, p)
				}
			}
			return outcome{
				body: statusBody{s.Name, s.Root, s.Serial, append([]reconcile.PackStatus{}, packs...), s.Unfinished},
				msg:  fmt.Sprintf("%d packs", len(packs)), warnings: s.Warnings, files: s.Files,
				text: func(w io.Writer, style view.Style) error { return view.List(w, packs, style) },
			}, nil
		}),
	}
}

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show PACK",
		Short: "Show one pack: declared, locked, installed, registered, and in the indexes",
		Long: "Shows the four states of one pack, what is in it, and what the first declared index that has\n" +
			"it says: versions, description, content. An index that cannot be read is a warning.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			ref := pack.Ref(args[0])
			if !ref.IsSystem() {
				var err error
				if ref, err = pack.ParseRef(args[0]); err != nil {
					return outcome{}, err
				}
			}
			d, decl, err := reconcile.Show(ctx, a.globals.options(a.streams, config.Partial), ref)
			if err != nil {
				return outcome{warnings: decl.Warnings, files: decl.Files}, err
			}
			msg := string(ref) + ": in the index"
			if d.PackStatus != nil {
				msg = fmt.Sprintf("%s: %s", ref, d.State)
			}
			return outcome{
				body: d, msg: msg, warnings: decl.Warnings, files: decl.Files,
				text: func(w io.Writer, style view.Style) error { return view.Detail(w, string(ref), d, style) },
			}, nil
		}),
	}
}

// statusBody is the JSON of status and list, after the envelope.
type statusBody struct {
	Name       string                 `json:"name"`
	Root       string                 `json:"root"`
	Serial     uint64                 `json:"serial"`
	Packs      []reconcile.PackStatus `json:"packs"`
	Unfinished []string               `json:"unfinished"`
}
