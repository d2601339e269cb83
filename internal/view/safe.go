package view

import (
	"io"
	"strings"

	"github.com/packsync/packsync/internal/reconcile"
)

// SafeChoices prints what update --safe chose, and what stops the next version of
// each pack: with --verbose that of all versions that were not taken.
func SafeChoices(w io.Writer, locked *reconcile.Locked, style Style) error {
	p := &printer{w: w}
	names := 0
	for _, c := range locked.Choices {
		names = max(names, len(c.Ref))
	}
	for i, c := range locked.Choices {
		if i == 0 {
			p.printf("\n%s\n", style.paint(bold, "Safe updates:"))
		}
		p.wrapped(style, "  "+pad(style.paint(bold, string(c.Ref)), names)+"  ", chosenText(c))
		for i := len(c.Stopped) - 1; i >= 0; i-- {
			if i < len(c.Stopped)-1 && !style.Verbose {
				p.wrapped(style, "      ", "stopped too: "+stoppedVersions(c.Stopped[:i+1])+" (--verbose says why)")
				break
			}
			p.stopped(c.Stopped[i], style)
		}
	}
	p.printf("\n")
	p.wrapped(style, "", lookedAt(locked))
	return p.err
}

func chosenText(c reconcile.SafeChoice) string {
	switch {
	case c.Held:
		return "stays at " + releaseCell(c.Before) + ": it was rolled back on this host; name it to move it"
	case c.Chosen.Commit == c.Before.Commit:
		return "stays at " + releaseCell(c.Before)
	case len(c.Stopped) == 0:
		return releaseCell(c.Before) + " → " + releaseCell(c.Chosen) + ", the newest"
	}
	return releaseCell(c.Before) + " → " + releaseCell(c.Chosen)
}

func stoppedVersions(stopped []reconcile.Stopped) string {
	var names []string
	for _, s := range stopped {
		names = append(names, releaseCell(s.Release))
	}
	return strings.Join(names, ", ")
}

// stopped prints why a version was not taken.
func (p *printer) stopped(s reconcile.Stopped, style Style) {
	p.printf("      %s is stopped by\n", style.paint(bold, Quote(releaseCell(s.Release))))
	const indent = "        "
	if s.Problem != "" {
		p.wrapped(style, indent, s.Problem)
	}
	p.review(s.Findings, style, indent)
	if s.Unused {
		p.wrapped(style, indent, "None of this hits a pack that was looked at: --safe=used takes it.")
	}
}

// lookedAt says how far a review went that nobody is hit.
func lookedAt(locked *reconcile.Locked) string {
	text := "Looked for who is hit in " + plural(len(locked.Lock.Packs), "locked pack", "locked packs")
	if locked.Others > 0 {
		text += " and " + plural(locked.Others, "other pack", "other packs") + " installed here"
	}
	return text + ". Calls from outside (API, chat, other hosts) are not known."
}
