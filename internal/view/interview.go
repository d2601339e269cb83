package view

import (
	"io"
	"strings"

	"github.com/packsync/packsync/internal/interview"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
)

// Question prints a question, up to where the answer is typed. Asked again, it is
// only told why.
func Question(w io.Writer, q interview.Question, style Style) error {
	p := &printer{w: w}
	if q.Reply != "" {
		for line := range strings.Lines(q.Reply) {
			p.wrapped(style, "  ! ", strings.TrimSpace(line))
		}
		return p.err
	}
	p.printf("\n%s", style.Label(Quote(q.Path)))
	if q.Facts != "" {
		p.printf("  (%s)", Quote(q.Facts))
	}
	if q.Of > 1 {
		p.printf("  %d of %d", q.Step, q.Of)
	}
	p.printf("\n")
	for _, text := range append([]string{q.About}, q.Notes...) {
		if text != "" {
			p.wrapped(style, "  ", text)
		}
	}
	for _, choice := range q.Choices {
		label, text, _ := strings.Cut(choice, ") ")
		p.wrapped(style, "    "+Quote(label)+") ", text)
	}
	now := ""
	switch {
	case q.Now != "":
		now = "Now: " + q.Now
	case q.Prompt == "":
		now = "It has no value"
	}
	p.wrapped(style, "  ", strings.TrimSpace(now+" [Enter "+q.Enter+"]"))
	return p.err
}

// ConfigChanges prints what would change in a config, by key path, and what is
// wrong with it then.
func ConfigChanges(w io.Writer, changes []interview.Change, problems []packconfig.Problem, style Style) error {
	p := &printer{w: w}
	if len(changes) == 0 {
		p.printf("  No value changes.\n")
	}
	for _, c := range changes {
		sign, text := "~", c.Before+" → "+c.After
		switch {
		case c.Kind == packconfig.Added:
			sign, text = "+", c.After
		case c.Kind == packconfig.Removed:
			sign, text = "-", "(was "+c.Before+")"
		case c.Before+c.After == "":
			text = "changed"
		}
		p.wrapped(style, "  "+style.paint(map[string]string{"~": yellow, "+": green, "-": red}[sign], sign)+" ", c.Path+": "+text)
	}
	for _, problem := range problems {
		word := style.paint(yellow, "warning:")
		if problem.Severity == pack.Blocked {
			word = style.paint(red, "wrong:")
		}
		p.wrapped(style, "  "+word+" ", problem.String())
	}
	return p.err
}

// Sentence prints text for a person, wrapped to the width.
func Sentence(w io.Writer, text string, style Style) error {
	p := &printer{w: w}
	for strings.HasPrefix(text, "\n") {
		p.printf("\n")
		text = text[1:]
	}
	body := strings.TrimLeft(text, " ")
	p.wrapped(style, text[:len(text)-len(body)], body)
	return p.err
}
