package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/view"
)

// Release is the version of this source tree. A build from a tagged module says
// the tag instead.
const Release = "0.1.0"

// Version returns the version of this binary, without a leading v.
func Version() string { return Release }

type versionBody struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // git commit of the build, if it knows
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: a.run(func(context.Context, []string) (outcome, error) {
			v := versionBody{Version: Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			return outcome{
				body: v, msg: "packsync " + v.Version,
				text: func(w io.Writer, _ view.Style) error {
					_, err := fmt.Fprintf(w, "packsync %s\n%s, %s\n", v.Version, v.Go, v.Platform)
					return err
				},
			}, nil
		}),
	}
}
