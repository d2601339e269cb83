// Command docgen writes docs/cli.md and man/packsync.1 from the command tree, or with
// -check says whether they are current. Run it from the root of the module: `make docs`.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/cli"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail if a page is not current")
	flag.Parse()
	var errs []error
	for _, page := range []struct {
		path   string
		render func(*cobra.Command) string
	}{
		{"docs/cli.md", markdown}, {"man/packsync.1", manual},
	} {
		errs = append(errs, run(page.path, []byte(page.render(cli.Tree())), *check))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(page string, want []byte, check bool) error {
	if !check {
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			return err
		}
		return os.WriteFile(page, want, 0o644)
	}
	have, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read the page: %w: run make docs", err)
	}
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%s does not say what the commands do: run make docs", page)
	}
	return nil
}
