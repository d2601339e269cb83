package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/view"
)

func newFmt(a *app) *cobra.Command {
	var check, diff bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE…]",
		Short: "Format declarations",
		Long:  "Rewrites packs.hcl, or the named files, in the usual form. Comments stay.",
		RunE: a.run(func(_ context.Context, args []string) (outcome, error) {
			return a.format(args, check, diff)
		}),
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 if a file is not formatted")
	cmd.Flags().BoolVar(&diff, "diff", false, "write nothing; show what would change, what may be secret as (hidden)")
	return cmd
}

// formatBody is the JSON of fmt, after the envelope.
type formatBody struct {
	Changed []string `json:"changed"` // files that are not, or were not, formatted
}

func (a *app) format(args []string, check, diff bool) (outcome, error) {
	paths, err := a.formatPaths(args)
	if err != nil {
		return outcome{}, err
	}
	body := formatBody{Changed: []string{}}
	var diags diag.List
	var diffs bytes.Buffer
	files := diag.Files{}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			return outcome{}, fmt.Errorf("format: %w", err)
		}
		formatted, problems := config.Format(src, path)
		diags = append(diags, problems...)
		if problems.HasErrors() || bytes.Equal(src, formatted) {
			continue
		}
		body.Changed = append(body.Changed, path)
		if diff {
			diffs.WriteString(udiff.Unified(path, path+" (formatted)", string(diag.Hide(path, src)), string(diag.Hide(path, formatted))))
		}
		if check || diff {
			continue
		}
		if err := rewrite(path, formatted); err != nil {
			return outcome{}, fmt.Errorf("format: %w", err)
		}
	}
	if diags.HasErrors() {
		return outcome{}, &reconcile.DeclarationError{Diagnostics: diags, Files: files}
	}
	out := outcome{body: body, msg: fmt.Sprintf("%d of %d files not formatted", len(body.Changed), len(paths))}
	out.text = func(w io.Writer, _ view.Style) error {
		if diff {
			_, err := w.Write(diffs.Bytes())
			return err
		}
		for _, path := range body.Changed {
			if _, err := fmt.Fprintln(w, path); err != nil {
				return err
			}
		}
		return nil
	}
	if check && len(body.Changed) > 0 {
		return out, errors.New("not formatted: run packsync fmt")
	}
	return out, nil
}

// rewrite replaces a file of the user's with its own mode.
func rewrite(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return safefs.OS().WriteFile(path, data, safefs.Owner{Mode: info.Mode().Perm(), UID: -1, GID: -1})
}

func (a *app) formatPaths(args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		paths = append(paths, a.globals.abs(arg))
	}
	if len(paths) > 0 {
		return paths, nil
	}
	file := a.globals.options(a.streams, config.Partial).Config.File
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("format: %w (use --file, or name the files)", err)
	}
	if !info.IsDir() {
		return []string{file}, nil
	}
	paths, err = filepath.Glob(filepath.Join(file, "*.hcl"))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	slices.Sort(paths)
	return paths, nil
}
