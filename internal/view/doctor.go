package view

import (
	"io"

	"github.com/packsync/packsync/internal/reconcile"
)

// Diagnosis prints what was looked at on a host, a line each, and how it is.
func Diagnosis(w io.Writer, d *reconcile.Diagnosis, style Style) error {
	p := &printer{w: w}
	ids := 0
	for _, c := range d.Checks {
		ids = max(ids, len(c.ID))
	}
	code := map[reconcile.Health]string{reconcile.Fine: green, reconcile.Doubtful: yellow, reconcile.Ill: red}
	for _, c := range d.Checks {
		lead := style.paint(code[c.Health], pad(string(c.Health), len("warning"))) + "  " + pad(c.ID, ids) + "  "
		p.lines(style, lead, Quote(c.Message))
	}
	problems, warnings := d.Count(reconcile.Ill), d.Count(reconcile.Doubtful)
	p.printf("\n%s, %s.\n", plural(problems, "problem", "problems"), plural(warnings, "warning", "warnings"))
	return p.err
}
