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

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look whether this host has what apply needs",
		Long: "Looks at the declaration, the directories, their file systems and owners, the record and what\n" +
			"an interrupted run left, Python, StackStorm, the indexes, logins and the cache, and says of\n" +
			"each whether it is well and what to do if not. Nothing is changed, and no command of a\n" +
			"credentials block is run. Exits with 1 if there is a problem; warnings are for you to judge.\n" +
			"With --offline neither StackStorm's API nor an index is asked.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			d, err := reconcile.Doctor(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			problems, warnings := d.Count(reconcile.Ill), d.Count(reconcile.Doubtful)
			out := outcome{
				body: doctorBody{problems, warnings, d.Checks},
				msg:  fmt.Sprintf("%s, %s.", view.Count(problems, "problem", "problems"), view.Count(warnings, "warning", "warnings")),
				text: func(w io.Writer, style view.Style) error { return view.Diagnosis(w, d, style) },
			}
			if problems > 0 {
				return out, fmt.Errorf("this host does not have what apply needs: %s", view.Count(problems, "problem", "problems"))
			}
			return out, nil
		}),
	}
}

// doctorBody is the JSON of doctor, after the envelope.
type doctorBody struct {
	Problems int                  `json:"problems"`
	Warnings int                  `json:"warnings"`
	Checks   []reconcile.Examined `json:"checks"`
}
