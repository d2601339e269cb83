package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual renders the whole command tree as one page of the manual, in the macros of
// man(7). It carries no date and no version, so that it only changes with the tree.
func manual(root *cobra.Command) string {
	m := &roff{}
	name := root.Name()
	m.macro(".TH", strings.ToUpper(name), "1", "", name, "User Commands")
	m.macro(".SH", "NAME")
	m.text(name + " - " + strings.ToLower(root.Short[:1]) + root.Short[1:])
	m.macro(".SH", "SYNOPSIS")
	m.macro(".B", name)
	m.text("COMMAND [ARGUMENT…] [flags]")
	m.macro(".SH", "DESCRIPTION")
	m.paragraphs(root.Long)
	m.macro(".SH", "FLAGS OF EVERY COMMAND")
	m.flags(root.PersistentFlags())
	m.macro(".SH", "COMMANDS")
	for _, c := range visible(root) {
		m.macro(".SS", strings.TrimSuffix(strings.TrimPrefix(c.UseLine(), name+" "), " [flags]"))
		text := c.Long
		if text == "" {
			text = c.Short
		}
		m.paragraphs(text)
		if c.Example != "" {
			m.listing(outdent(c.Example))
		}
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Hidden = true
		m.flags(c.LocalNonPersistentFlags())
	}
	return m.String()
}

// roff writes the source of a page.
type roff struct{ strings.Builder }

// macro writes one line that begins with a macro. What is quoted in it may be empty.
func (m *roff) macro(name string, args ...string) {
	m.WriteString(name)
	for _, arg := range args {
		m.WriteString(` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`)
	}
	m.WriteString("\n")
}

// text writes lines that are filled.
func (m *roff) text(text string) {
	for line := range strings.Lines(text) {
		line = escape(strings.TrimSpace(line))
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line // it would be a macro
		}
		if line != "" {
			m.WriteString(line + "\n")
		}
	}
}

// listing writes lines that stay as they are.
func (m *roff) listing(text string) {
	m.macro(".PP")
	m.macro(".nf")
	m.macro(".RS")
	m.text(strings.ReplaceAll(text, "\n\n", "\n"))
	m.macro(".RE")
	m.macro(".fi")
}

// paragraphs writes the long text of a command; indented lines in it are a listing.
func (m *roff) paragraphs(text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var filled, listed []string
		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.HasPrefix(line, "  ") {
				listed = append(listed, line[2:])
				continue
			}
			if len(listed) > 0 {
				m.block(filled, listed)
				filled, listed = nil, nil
			}
			filled = append(filled, line)
		}
		m.block(filled, listed)
	}
}

func (m *roff) block(filled, listed []string) {
	if len(filled) > 0 {
		m.macro(".PP")
		m.text(strings.Join(filled, "\n"))
	}
	if len(listed) > 0 {
		m.listing(strings.Join(listed, "\n"))
	}
}

// flags writes flags as in a help text.
func (m *roff) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		switch {
		case f.NoOptDefVal != "" && f.Value.Type() != "bool":
			name += "[=" + value + "]"
		case value != "":
			name += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		m.macro(".TP")
		m.macro(".B", name)
		m.text(usage)
	})
}

// escape keeps a text from meaning anything to roff. A hyphen that may be typed stays
// one.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
}
