package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func tree() *cobra.Command {
	nothing := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "tool", Short: "Do things", Long: "A tool.\n\nNumbers:\n  1  one\n  2  two"}
	root.PersistentFlags().Bool("json", false, "print one JSON document")
	plan := &cobra.Command{Use: "plan [FILE|DIR]", Short: "Show it", Long: "Show what would change.", Example: "  tool plan", Run: nothing}
	plan.Flags().String("out", "", "save the plan to `FILE`")
	state := &cobra.Command{Use: "state", Short: "Look at the record"}
	state.AddCommand(&cobra.Command{Use: "show", Short: "Show the record", Run: nothing})
	secret := &cobra.Command{Use: "secret", Hidden: true, Run: nothing}
	root.AddCommand(plan, state, secret)
	return root
}

func TestThePageHoldsTheWholeTree(t *testing.T) {
	page := markdown(tree())
	for _, want := range []string{
		"# tool: command line\n",
		"\nA tool.\n\n## Numbers\n\n```text\n1  one\n2  two\n```\n\n",
		"| [plan [FILE\\|DIR]](#tool-plan) | Show it |\n",
		"| [state show](#tool-state-show) | Show the record |\n",
		"--json   print one JSON document\n",
		"## tool plan\n\nShow what would change.\n",
		"```text\ntool plan\n```",
		"--out FILE   save the plan to FILE\n",
		"## tool state show\n\nShow the record\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for _, unwanted := range []string{"secret", "--help", "## tool state\n"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("the page has %q:\n%s", unwanted, page)
		}
	}
	if again := markdown(tree()); again != page {
		t.Error("the same tree gave two different pages")
	}
}
