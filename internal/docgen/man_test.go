package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/cli"
	"github.com/packsync/packsync/internal/testenv"
)

func TestTheManualHoldsTheWholeTree(t *testing.T) {
	page := manual(tree())
	for _, want := range []string{
		".TH \"TOOL\" \"1\" \"\"",
		"\nA tool.\n",
		".PP\nNumbers:\n.PP\n.nf\n.RS\n1  one\n2  two\n.RE\n.fi\n",
		".B \"\\-\\-json\"\nprint one JSON document\n",
		".SS \"plan [FILE|DIR]\"\n.PP\nShow what would change.\n",
		".B \"\\-\\-out FILE\"\nsave the plan to FILE\n",
		".SS \"state show\"\n.PP\nShow the record\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for _, unwanted := range []string{"secret", "\\-\\-help", ".SS \"state\"\n"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("the page has %q:\n%s", unwanted, page)
		}
	}
}

// What a text says must not be taken for a macro, whatever it begins with.
func TestTheManualEscapes(t *testing.T) {
	root := tree()
	root.AddCommand(&cobra.Command{Use: "odd", Run: func(*cobra.Command, []string) {}, Long: ".netrc is read, 'so' is\n'this, and C:\\n \"too\""})
	page := manual(root)
	if want := "\\&.netrc is read, 'so' is\n\\&'this, and C:\\en \"too\"\n"; !strings.Contains(page, want) {
		t.Errorf("the page lacks %q:\n%s", want, page)
	}
}

func TestGroffTakesTheManual(t *testing.T) {
	testenv.Need(t, "groff")
	page := manual(cli.Tree())
	cmd := exec.CommandContext(t.Context(), "groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-rLL=100n")
	cmd.Stdin = strings.NewReader(page)
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		t.Fatalf("groff: %v\n%s", err, warnings.String())
	}
	if !strings.Contains(string(out), "Exit codes:") {
		t.Errorf("the page lacks the exit codes:\n%s", out)
	}
}
