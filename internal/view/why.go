package view

import (
	"io"
	"strings"

	"github.com/packsync/packsync/internal/reconcile"
)

// Why prints where things come from, one block each.
func Why(w io.Writer, t *reconcile.Traced, style Style) error {
	out := &printer{w: w}
	for i, m := range t.Matches {
		if i > 0 {
			out.printf("\n")
		}
		out.trace(m, style)
	}
	return out.err
}

func (p *printer) trace(m reconcile.Trace, style Style) {
	head := style.paint(bold, Quote(m.Name)) + " is a pack"
	if m.Kind != "pack" {
		head = style.paint(bold, Quote(m.Name)) + " is " + article(m.Kind) + " of the pack " + string(m.Pack)
	}
	p.printf("%s\n", head)
	row := func(name, text string) {
		if text != "" {
			p.wrapped(style, "  "+pad(name, len("referred to by"))+"  ", text)
		}
	}
	row("declared", declaredText(m))
	row("locked", lockedText(m.Locked))
	if m.Installed != nil {
		row("installed", strings.TrimSpace(m.Installed.Version+" in "+m.Path))
	}
	row("file", m.At)
	row("contains", m.Contains)
	for _, detail := range m.Details {
		verb, rest, _ := strings.Cut(detail, " ")
		row(verb, rest)
	}
	for i, to := range m.RefersTo {
		row(first(i, "refers to"), to)
	}
	for i, to := range m.LeadNowhere {
		row(first(i, "broken"), to+" is not there")
	}
	const most = 20
	for i, by := range m.ReferredBy {
		if i == most && !style.Verbose {
			row("", plural(len(m.ReferredBy)-most, "more", "more")+" (--verbose shows all)")
			break
		}
		row(first(i, "referred to by"), by)
	}
	if len(m.ReferredBy) == 0 && (m.Kind == "pack" || m.Kind == "action" || m.Kind == "trigger") {
		row("referred to by", "nobody that is known")
	}
}

// first is a label that is not repeated.
func first(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

func declaredText(m reconcile.Trace) string {
	switch {
	case m.Declared != "" && m.Selector != "":
		return m.Declared + ", " + m.Selector
	case m.Declared != "":
		return m.Declared
	case len(m.RequiredBy) > 0:
		return "nowhere; it is required by " + refList(m.RequiredBy)
	}
	return "nowhere: packsync does not manage it"
}

func lockedText(p *reconcile.Pinned) string {
	if p == nil {
		return ""
	}
	text := pinnedVersion(p) + " from " + sourceOf(p)
	if p.Commit == "" {
		return text
	}
	text += ", " + strings.TrimPrefix(revisionName(p.Ref)+" = ", " = ") + "commit " + p.Commit.Short()
	if p.Title != "" {
		text += ": " + p.Title
	}
	return text
}
