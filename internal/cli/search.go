package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newSearch(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "search QUERY…",
		Short: "Search the declared indexes",
		Long: "Shows the packs in which every word of the query occurs, in any field and in any case: first\n" +
			"those of that name, then keywords, description, author, and everything else, such as the\n" +
			"names of actions. With --offline it searches the copies in the cache.",
		Args: cobra.MinimumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			query := strings.Join(args, " ")
			if strings.TrimSpace(query) == "" {
				return outcome{}, errors.New("the query is empty: name at least one word")
			}
			f, err := reconcile.Search(ctx, a.globals.options(a.streams, config.Partial), query)
			if err != nil {
				return outcome{}, err
			}
			return outcome{
				body: searchBody{query, f.Packs}, msg: view.FoundSummary(f, query), warnings: f.Warnings, files: f.Files,
				text: func(w io.Writer, style view.Style) error { return view.Found(w, f, query, style) },
			}, nil
		}),
	}
}

// searchBody is the JSON of search, after the envelope.
type searchBody struct {
	Query string                `json:"query"`
	Packs []reconcile.FoundPack `json:"packs"`
}
