package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newCache(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look at the cache of fetched commits and indexes, or clean it",
		Long: "The cache holds one packfile for each fetched commit, the pack indexes, and inventories of\n" +
			"what packs contain. Everything in it is checked when it is used and can be made again. It lies in PACKSYNC_CACHE_DIR, else\n" +
			"for root in /var/cache/packsync, and for others in packsync below XDG_CACHE_HOME or ~/.cache.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheInfo(a), newCacheClean(a))
	return cmd
}

func newCacheInfo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show where the cache is and what it holds",
		Args:  cobra.NoArgs,
		RunE: a.run(func(context.Context, []string) (outcome, error) {
			c, err := reconcile.LookAtCache(a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			now := time.Now()
			return outcome{
				body: cacheBody{c}, msg: fmt.Sprintf("%s in %s.", cacheSize(c), c.Dir),
				text: func(w io.Writer, style view.Style) error { return view.Cache(w, c, now, style) },
			}, nil
		}),
	}
}

func newCacheClean(a *app) *cobra.Command {
	var olderThan string
	var all bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove from the cache what was not used for a while",
		Long: "Removes commits, indexes and inventories that no run has used for 30 days, or for --older-than. It may\n" +
			"run beside others. What is removed is fetched again when it is needed: keep what hosts\n" +
			"without a network have to install, or give them a bundle (packsync vendor).",
		Args: cobra.NoArgs,
		RunE: a.run(func(context.Context, []string) (outcome, error) {
			age, err := parseAge(olderThan)
			if err != nil {
				return outcome{}, err
			}
			before := time.Now().Add(-age)
			if all {
				before = time.Now().Add(time.Hour) // whatever the clock of who wrote it said
			}
			c, err := reconcile.CleanCache(a.globals.options(a.streams, config.Partial), before)
			if err != nil {
				return outcome{}, err
			}
			msg := fmt.Sprintf("Removed %s from %s.", cacheSize(c), c.Dir)
			return outcome{
				body: cacheBody{c}, msg: msg,
				text: func(w io.Writer, _ view.Style) error { _, err := fmt.Fprintln(w, msg); return err },
			}, nil
		}),
	}
	cmd.Flags().StringVar(&olderThan, "older-than", "30d", "how long nobody used what is removed: `AGE` such as 12h or 7d")
	cmd.Flags().BoolVar(&all, "all", false, "remove everything")
	cmd.MarkFlagsMutuallyExclusive("older-than", "all")
	return cmd
}

// cacheBody is the JSON of cache info and clean, after the envelope.
type cacheBody struct {
	Cache reconcile.Cache `json:"cache"`
}

func cacheSize(c reconcile.Cache) string {
	return fmt.Sprintf("%s, %s and %s, %s", view.Count(c.Commits.Files, "commit", "commits"), view.Count(c.Indexes.Files, "index", "indexes"),
		view.Count(c.Inventories.Files, "inventory", "inventories"), view.Bytes(c.Commits.Bytes+c.Indexes.Bytes+c.Inventories.Bytes))
}

// parseAge reads a duration as Go does, and days.
func parseAge(text string) (time.Duration, error) {
	const most = 36500
	days, isDays := strings.CutSuffix(text, "d")
	if n, err := strconv.Atoi(days); isDays && err == nil && n >= 0 && n <= most {
		return time.Duration(n) * 24 * time.Hour, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return age, nil
	}
	return 0, usageError{errors.New("--older-than wants an age such as 90m, 12h or 7d, not " + strconv.Quote(text))}
}
