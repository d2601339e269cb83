package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// width is what flags are wrapped to, in columns.
const width = 110

// markdown renders the whole command tree as one page: the commands in a table,
// the flags that every command takes once, then a section a command.
func markdown(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: command line\n\n", root.Name())
	b.WriteString("<!-- Written by `make docs` from the command tree: do not edit. -->\n\n")
	paragraph(&b, root.Long)

	commands := visible(root)
	b.WriteString("## Commands\n\n| command | does |\n| --- | --- |\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", cell(trimRoot(c.UseLine(), root)), anchor(c.CommandPath()), cell(c.Short))
	}
	b.WriteString("\n## Everywhere\n\n")
	fence(&b, root.PersistentFlags().FlagUsagesWrapped(width))
	for _, c := range commands {
		section(&b, c)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// visible lists the commands that can be run, in the order of the help text,
// parents before their children.
func visible(parent *cobra.Command) (all []*cobra.Command) {
	for _, c := range parent.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		if c.Runnable() && !c.HasAvailableSubCommands() {
			all = append(all, c)
		}
		all = append(all, visible(c)...)
	}
	return all
}

func section(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short
	}
	paragraph(b, text)
	fence(b, c.UseLine())
	fence(b, outdent(c.Example))
	fence(b, flags(c))
}

// paragraph writes the long text of a command. In it a line that ends in a colon
// before indented lines is a heading over a listing.
func paragraph(b *strings.Builder, text string) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	listed := false // the last line is a listing, which ends in an empty line
	for i := 0; i < len(lines); i++ {
		end := i + 1
		for end < len(lines) && strings.HasPrefix(lines[end], "  ") {
			end++
		}
		heading, colon := strings.CutSuffix(lines[i], ":")
		if listed = colon && end > i+1; !listed {
			b.WriteString(lines[i] + "\n")
			continue
		}
		fmt.Fprintf(b, "## %s\n\n", heading)
		fence(b, outdent(strings.Join(lines[i+1:end], "\n")))
		i = end - 1
	}
	if !listed {
		b.WriteString("\n")
	}
}

func fence(b *strings.Builder, text string) {
	if text = strings.TrimRight(text, "\n"); text != "" {
		fmt.Fprintf(b, "```text\n%s\n```\n\n", text)
	}
}

// flags returns the flags that only this command takes, aligned as in its help.
// Help is the same everywhere and left out.
func flags(c *cobra.Command) string {
	c.InitDefaultHelpFlag()
	c.Flags().Lookup("help").Hidden = true
	return c.LocalNonPersistentFlags().FlagUsagesWrapped(width)
}

func trimRoot(use string, root *cobra.Command) string {
	return strings.TrimSuffix(strings.TrimPrefix(use, root.Name()+" "), " [flags]")
}

// cell keeps a text inside one cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(strings.TrimSpace(text))
}

// anchor is the id that a Markdown renderer gives to a heading of plain words.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), " ", "-")
}

// outdent removes the two spaces that cobra's help indents examples by.
func outdent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
