package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

// diffFlags are the flags of diff.
type diffFlags struct {
	format       string
	failOn       string
	detailedExit bool
}

func newDiff(a *app) *cobra.Command {
	var flags diffFlags
	cmd := &cobra.Command{
		Use:   "diff BASE",
		Short: "Show what a change of declaration and lock means, without a host",
		Long: "Compares packs.hcl and packs.lock.json in the working tree with those at BASE, and shows what\n" +
			"that changes in every pack and whom it hits. BASE is a revision of the repository around the\n" +
			"declaration (origin/main, a tag, HEAD~1; of a branch the commit where HEAD left it), or a\n" +
			"directory written as ../base that holds the other version. It needs no StackStorm and no\n" +
			"secret. --format markdown is made for a comment on a pull request.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) { return a.diff(ctx, flags, args[0]) }),
	}
	cmd.Flags().StringVar(&flags.format, "format", "text", "`text`, json or markdown")
	cmd.Flags().StringVar(&flags.failOn, "fail-on", "", "fail (exit 3) if what changes in packs is `breaking`, or even caution, and not accepted")
	cmd.Flags().BoolVar(&flags.detailedExit, "detailed-exitcode", false, "exit 2 if there are differences, 0 if there are none")
	return cmd
}

func (a *app) diff(ctx context.Context, flags diffFlags, base string) (outcome, error) {
	opts := a.globals.options(a.streams, config.Partial)
	var err error
	if opts.FailOn, err = grade(flags.failOn); err != nil {
		return outcome{}, err
	}
	switch flags.format {
	case "text", "markdown":
	case "json":
		a.globals.json = true
	default:
		return outcome{}, usageError{fmt.Errorf("--format is %q: want text, json or markdown", flags.format)}
	}
	cb, done := a.watching()
	diffed, err := reconcile.Diff(ctx, opts, cb, a.globals.baseOf(base))
	done()
	if diffed == nil {
		return outcome{}, err
	}
	out := outcome{
		body: view.DiffBody{Diffed: diffed, Review: view.ReviewOfDiff(diffed)}, msg: view.DiffSummary(diffed),
		warnings: diffed.Warnings, files: diffed.Files,
		text: func(w io.Writer, style view.Style) error { return view.Diff(w, diffed, style) },
	}
	if flags.format == "markdown" {
		out.text = func(w io.Writer, _ view.Style) error { return view.DiffMarkdown(w, diffed) }
	}
	if err == nil && flags.detailedExit && !view.DiffEmpty(diffed) {
		out.exit = ExitChanges
	}
	return out, err
}

// baseOf tells a directory from a revision by how it is written.
func (g *globals) baseOf(base string) string {
	if base == "." || base == ".." || strings.HasPrefix(base, "./") || strings.HasPrefix(base, "../") {
		return g.abs(base)
	}
	return base
}
