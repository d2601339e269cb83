package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/view"
)

func newIndex(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Look at the pack indexes, or build one",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newIndexHealth(a), newIndexBuild(a))
	return cmd
}

func newIndexHealth(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask every declared index how it is",
		Long: "Fetches every index and says which are valid, with the fields of StackStorm's own health\n" +
			"endpoint. A copy in the cache does not count. Exit code 1 if an index is not valid.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			h, decl, err := reconcile.IndexHealth(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			out := outcome{
				body: h, msg: view.HealthSummary(h), warnings: decl.Warnings, files: decl.Files,
				text: func(w io.Writer, style view.Style) error { return view.Health(w, h, style) },
			}
			if h.Indexes.Invalid > 0 {
				return out, errors.New(view.HealthSummary(h))
			}
			return out, nil
		}),
	}
}

func newIndexBuild(a *app) *cobra.Command {
	var out, repoURL string
	cmd := &cobra.Command{
		Use:   "build DIR|FILE|URL…",
		Short: "Make an index from packs, for people who host their own",
		Long: "Makes an index document of packs: git repositories by address, repositories and directories\n" +
			"on this machine, directories of such, and other index files, whose entries are taken over\n" +
			"where nothing before has the name. Repositories are read at their default branch, their\n" +
			"tags are the versions. The same packs give the same bytes. It needs no declaration; if\n" +
			"there is one, its credentials and network block count.",
		Args: cobra.MinimumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			var from []string
			for _, arg := range args {
				path := a.globals.abs(arg)
				if _, err := os.Stat(path); err == nil {
					arg = path // else it is an address, or wrong
				}
				from = append(from, arg)
			}
			built, err := reconcile.BuildIndex(ctx, a.globals.options(a.streams, config.Partial), from, repoURL)
			if err != nil {
				return outcome{}, err
			}
			msg := fmt.Sprintf("Index of %s.", view.Count(len(built.Packs), "pack", "packs"))
			result := outcome{body: indexBody{Packs: built.Packs, Index: built.Document}, msg: msg}
			if out == "" {
				result.text = func(w io.Writer, _ view.Style) error { _, err := w.Write(built.Document); return err }
				return result, nil
			}
			owner := safefs.Owner{Mode: 0o644, UID: -1, GID: -1}
			if err := safefs.OS().WriteFile(a.globals.abs(out), built.Document, owner); err != nil {
				return outcome{}, fmt.Errorf("write the index: %w", err)
			}
			result.text = func(w io.Writer, _ view.Style) error { _, err := fmt.Fprintln(w, msg); return err }
			return result, nil
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "write the index to `FILE` instead of printing it")
	cmd.Flags().StringVar(&repoURL, "repo-url", "", "where packs of this machine will be fetched from: a `URL` with {ref}")
	return cmd
}

// indexBody is the JSON of index build, after the envelope.
type indexBody struct {
	Packs []string        `json:"packs"`
	Index json.RawMessage `json:"index"`
}
