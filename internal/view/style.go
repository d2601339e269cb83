// Package view shows results: plans, reports, states, progress, diagnostics, for
// people as text and for programs as JSON with a version.
//
// It is not for deciding what is shown as an error or with which exit code
// (package cli), and nothing here changes what a run does.
package view

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/packsync/packsync/internal/plan"
)

// Style says how text is to look.
type Style struct {
	Color   bool
	Width   int  // columns; 0 means do not wrap
	Verbose bool // show everything
}

const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	faint  = "2"
)

// paint wraps text in an escape sequence, if colours are on. Nothing depends on
// colour to be understood.
func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Label makes a word stand out, where colours are on.
func (s Style) Label(text string) string { return s.paint(bold, text) }

func (s Style) symbol(a plan.Action) string {
	code := map[plan.Action]string{
		plan.Install: green, plan.Adopt: cyan, plan.Move: yellow, plan.Update: yellow, plan.Repair: yellow,
		plan.Configure: yellow, plan.Register: cyan, plan.Remove: red, plan.Forget: red,
	}[a]
	return s.paint(code, a.Symbol())
}

// printer collects lines and the first error of writing them.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// wrapped prints text below a prefix, broken at blanks to fit the width; later
// lines are indented as far as the prefix.
func (p *printer) wrapped(style Style, prefix, text string) {
	p.printf("%s", prefix)
	indent := strings.Repeat(" ", visible(prefix))
	room := style.Width - len(indent)
	if style.Width == 0 || room < 20 {
		p.printf("%s\n", Quote(text))
		return
	}
	line := 0
	for i, word := range strings.Fields(Quote(text)) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case line+1+n > room:
			p.printf("\n%s", indent)
			line = 0
		default:
			p.printf(" ")
			line++
		}
		p.printf("%s", word)
		line += n
	}
	p.printf("\n")
}

// heading prints a sentence that stands out, broken to fit the width.
func (p *printer) heading(style Style, text string) {
	var b strings.Builder
	inner := &printer{w: &b}
	inner.wrapped(style, "", text)
	for line := range strings.Lines(b.String()) {
		p.printf("%s\n", style.paint(bold, strings.TrimSuffix(line, "\n")))
	}
}

// visible counts the columns of text without escape sequences.
func visible(text string) int {
	n, escape := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n++
		}
	}
	return n
}

// Quote makes foreign text safe to print: control and bidirectional characters
// are escaped, so that a name or commit title cannot move the cursor or lie about
// its own order. Line breaks stay.
func Quote(text string) string {
	if !strings.ContainsFunc(text, unsafeRune) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unsafeRune(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unsafeRune(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case unicode.IsControl(r), r == unicode.ReplacementChar:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0x200b && r <= 0x200f, r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	}
	return false
}

// Count says how many of something there are, in the right number.
func Count(n int, one, many string) string { return plural(n, one, many) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-visible(text)))
}
