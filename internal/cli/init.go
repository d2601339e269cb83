package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a small packs.hcl to begin with",
		Long: "Looks for a StackStorm on this host and writes a packs.hcl for it, with comments, and nothing\n" +
			"else. Nothing is ever written over.",
		Args: cobra.NoArgs,
		RunE: a.run(func(context.Context, []string) (outcome, error) {
			host := reconcile.Host{Root: "/opt/stackstorm", Path: filepath.SplitList(environ(a.streams.Environ, "PATH"))}
			begun, err := reconcile.Init(a.globals.options(a.streams, config.Partial), host)
			if err != nil {
				return outcome{}, err
			}
			return outcome{
				body: initBody{true, begun}, msg: fmt.Sprintf("%s written.", begun.File),
				text: func(w io.Writer, style view.Style) error { return view.Begun(w, begun, style) },
			}, nil
		}),
	}
}

// initBody is the JSON of init, after the envelope.
type initBody struct {
	Changed bool `json:"changed"`
	*reconcile.Begun
}
