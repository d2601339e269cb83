// Command docgen writes docs/cli.md from the command tree, or with -check says
// whether it is current. Run it from the root of the module: `make docs`.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"github.com/packsync/packsync/internal/cli"
)

const page = "docs/cli.md"

func main() {
	check := flag.Bool("check", false, "write nothing; fail if "+page+" is not current")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	want := []byte(markdown(cli.Tree()))
	if !check {
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
